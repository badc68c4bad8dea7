import { randomBytes } from "node:crypto";
import type { AppKind } from "./app-child.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

/** Runs `work` with the real server in a process and a directory of its own. */
export async function withMeasuredServer<R>(
  profileDir: string | null,
  work: (server: MeasuredProcess) => Promise<R>,
  name = "server",
): Promise<R> {
  return withMeasuredServers({ profileDir, name, count: 1 }, ([server]) => {
    if (server === undefined) throw new Error("one server was started");
    return work(server);
  });
}

export interface ServersOptions {
  readonly profileDir: string | null;
  readonly name: string;
  /** More than one share a database, which cannot be an embedded one. */
  readonly count: number;
}

/** Runs `work` with servers in processes of their own and one directory. */
export async function withMeasuredServers<R>(
  { profileDir, name, count }: ServersOptions,
  work: (servers: readonly MeasuredProcess[]) => Promise<R>,
): Promise<R> {
  return withTemporaryDirectory(async (directory) => {
    const servers: MeasuredProcess[] = [];
    try {
      // One after the other: the first one makes the database.
      while (servers.length < count) {
        const execArgv = profileOptions(profileDir, name);
        servers.push(await MeasuredProcess.start(["--serve-real", directory], execArgv));
      }
      return await work(servers);
    } finally {
      for (const server of servers) await server.stop();
    }
  });
}

/** A server with an app that drives it, each in a process of its own. */
export interface Stage {
  readonly server: MeasuredProcess;
  readonly app: MeasuredProcess;
}

/** Starts an app that has a server already. */
export async function startApp(
  server: MeasuredProcess,
  {
    kind,
    stepsPerRun,
    profileDir,
  }: { readonly kind: AppKind; readonly stepsPerRun: number; readonly profileDir: string | null },
): Promise<MeasuredProcess> {
  const role = ["--serve-app", kind, server.url, server.token, String(stepsPerRun)];
  return MeasuredProcess.start(role, profileOptions(profileDir, `app-${kind}`));
}

/** Options of a process that writes a CPU profile when it ends. */
function profileOptions(profileDir: string | null, name: string): readonly string[] {
  if (profileDir === null) return [];
  const file = `${name}-${randomBytes(4).toString("hex")}.cpuprofile`;
  return ["--cpu-prof", `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${file}`];
}
