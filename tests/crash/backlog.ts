import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";

/** Path of a request that an app answers and that means nothing. */
export const BARRIER = "/barrier";

/**
 * Resolves when a server has accepted every connection that a dead process has made, so that none of them is taken for one of the
 * next life: they wait in line, and the last in line is one from here.
 */
export function acceptAll(listener: Server): Promise<void> {
  const { port } = listener.address() as AddressInfo; // Its caller has it listening on TCP.
  return acceptAllAt(port);
}

/** The same of a server that may be another process. */
export async function acceptAllAt(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.end(`GET ${BARRIER} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  socket.resume();
  await once(socket, "close");
}
