import { MeasuredProcess } from "./measured-process.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

/** Runs `work` with the real server in a process and a directory of its own. */
export async function withMeasuredServer<R>(
  profileDir: string | null,
  work: (server: MeasuredProcess) => Promise<R>,
): Promise<R> {
  return withTemporaryDirectory(async (directory) => {
    const execArgv = profileDir === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
    const server = await MeasuredProcess.start(["--serve-real", directory], execArgv);
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  });
}
