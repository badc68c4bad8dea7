import { devServerConfig, startServer } from "@reprise/server";
import { databaseOf } from "./database.ts";
import { answerParent } from "./measured-process.ts";

/** The measured process with the real server: the default configuration, its store in a file or in the database of that directory. */
export async function serveReal(dataDir: string): Promise<void> {
  const config = devServerConfig({ port: 0, dataDir, logLevel: "error" });
  const server = await startServer({ ...config, databaseUrl: await databaseOf(dataDir) });
  const { url, token } = server;
  answerParent({ url, token }, { close: () => server.close() });
}
