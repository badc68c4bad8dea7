import { devServerConfig, startServer } from "@reprise/server";
import { answerParent } from "./measured-process.ts";

/** The measured process with the real server: the default configuration, its store in a file. */
export async function serveReal(dataDir: string): Promise<void> {
  const server = await startServer(devServerConfig({ port: 0, dataDir, logLevel: "error" }));
  const { url, token } = server;
  answerParent({ url, token }, { close: () => server.close() });
}
