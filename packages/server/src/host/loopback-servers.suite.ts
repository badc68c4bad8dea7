import { createServer, type Server } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from "node:net";

/** Real servers on loopback for tests, on ports that the system chooses. */

const closers: (() => Promise<unknown>)[] = [];

/** Closes the servers that were opened since the last call. */
export async function closeServers(): Promise<void> {
  for (const close of closers.splice(0)) await close();
}

async function listen(server: Server | TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has an address with that port.
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** A server that answers with `handler`. */
export async function openHttp(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler);
  const url = await listen(server);
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return url;
}

/** A server that says what no HTTP server would. `talk` gets the socket once a request's head is there. */
export async function openTcp(talk: (socket: Socket, head: string) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    // The client under test resets connections on purpose.
    socket.on("error", () => {});
    let head = "";
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      talk(socket, head);
      head = "";
    });
  });
  const url = await listen(server);
  // Waits for the connections, which the client under test closes: it is cleaned up first.
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return url;
}
