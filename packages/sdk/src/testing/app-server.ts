import { createServer, type RequestListener, type Server } from "node:http";

/** Listeners on free ports of this machine. */

export interface ListeningApp {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

export async function listenOnFreePort(listener: RequestListener): Promise<ListeningApp> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the app listens on no port");
}

/** Requests under way are cut: the test is over. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
