import { devServerConfig, startServer } from "@reprise/server";
import { type Mutant, plant } from "./mutants.ts";
import type { FromServer, ToServer } from "./server-process.ts";

/** The process that is killed: the real server on a directory. It is loaded ahead and opens the store when it is told to. */
export function serveUntilKilled(mutant: Mutant | null): void {
  const send = (message: FromServer) => process.send?.(message);
  const open = async ({ dataDir, port }: ToServer & { readonly type: "open" }) => {
    const config = devServerConfig({ dataDir, port, logLevel: "error" });
    const server = await startServer(config, mutant === null ? {} : { wrapStore: plant(mutant) });
    process.on("message", (message) => {
      // The parent is this very program.
      if ((message as ToServer).type === "stop") void server.close().then(() => process.exit());
    });
    send({ type: "listening", url: server.url, port: server.port, token: server.token });
  };
  process.on("disconnect", () => process.exit(1));
  process.once("message", (message) => {
    const order = message as ToServer; // As above.
    if (order.type === "stop") process.exit();
    open(order).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
}
