// A process of its own: the real server, which is killed in the middle of failing a run. The tests of S13 start it.

import { devServerConfig, startServer } from "@reprise/server";
import { watchFailures } from "./failure-commit.ts";

/** When the process dies: as the failure is about to be committed, as it has been, or not at all. */
export type Death = "before" | "after" | "never";

export interface Order {
  readonly dataDir: string;
  readonly port: number;
  readonly death: Death;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  readonly token: string;
}

/** The end without warning: nothing runs behind this line. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

process.once("message", async (message) => {
  const { dataDir, port, death } = message as Order; // Its only sender is the test.
  const config = devServerConfig({ dataDir, port, logLevel: "error" });
  const server = await startServer(config, {
    wrapStore: (store) => watchFailures(store, death === "never" ? {} : { [death]: die }),
  });
  process.once("message", () => void server.close().then(() => process.exit()));
  process.send?.({ url: server.url, port: server.port, token: server.token } satisfies Listening);
});
// Nobody is left to be served.
process.once("disconnect", () => process.exit(1));
