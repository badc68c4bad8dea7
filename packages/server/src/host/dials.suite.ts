import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type Socket } from "node:net";

const CHANNEL = "net.client.socket";

/** Every address and port that this process dials, as the system is asked for it, until `stop`. */
export function watchDials(): { readonly dials: readonly string[]; readonly stop: () => void } {
  const dials: string[] = [];
  const watch = (message: unknown): void => {
    // What Node publishes there since version 19.
    const { socket } = message as { readonly socket: Socket };
    socket.on("connectionAttempt", (address, port) => {
      dials.push(`${address.includes(":") ? `[${address}]` : address}:${port}`);
    });
  };
  subscribe(CHANNEL, watch);
  return { dials, stop: () => unsubscribe(CHANNEL, watch) };
}

export interface Trap {
  readonly port: number;
  /** Connections that were accepted. */
  readonly count: () => number;
  readonly close: () => Promise<void>;
}

/** A listening socket that nobody should reach: it counts connections and ends them. Null when the system lacks the address. */
export async function openTrap(address: string, port = 0): Promise<Trap | null> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on("error", () => {});
    socket.destroy();
  });
  const isOpen = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, address, () => resolve(true));
  });
  if (!isOpen) return null;
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    count: () => count,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
