import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PgBouncer in transaction mode between a server and its PostgreSQL, where the machine has it (`apt-get install pgbouncer`). */
export interface Pooler {
  readonly version: string;
  /** The same database, by way of the pooler. */
  through(databaseUrl: string): string;
  close(): Promise<void>;
}

const looked = spawnSync("pgbouncer", ["--version"], { encoding: "utf8" });

export const hasPgbouncer = looked.status === 0;

/** Few connections for many clients, so that hardly a transaction gets the connection of the one before it. */
const SERVER_CONNECTIONS = 3;

export async function openPooler(databaseUrl: string): Promise<Pooler> {
  const { hostname, port, username, password } = new URL(databaseUrl);
  const directory = mkdtempSync(join(tmpdir(), "reprise-pooler-"));
  chmodSync(directory, 0o755);
  const listenPort = await freePort();
  const settings = [
    "[databases]",
    `* = host=${hostname} port=${port} user=${username} password=${password}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${listenPort}`,
    "unix_socket_dir =",
    "auth_type = any",
    "pool_mode = transaction",
    `default_pool_size = ${SERVER_CONNECTIONS}`,
    "max_client_conn = 200",
    "server_check_delay = 0",
    "server_idle_timeout = 5",
  ];
  const file = join(directory, "pgbouncer.ini");
  writeFileSync(file, `${settings.join("\n")}\n`);
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn("pgbouncer", [file], { stdio: ["ignore", "ignore", "pipe"], ...user });
  const stop = () => void child.kill("SIGKILL");
  process.once("exit", stop);
  await untilOpen(child, listenPort);
  return {
    version: looked.stdout.split("\n")[0] ?? "",
    through: (url) => {
      const pooled = new URL(url);
      pooled.port = String(listenPort);
      pooled.searchParams.set("pgbouncer", "true");
      return pooled.href;
    },
    close: async () => {
      process.off("exit", stop);
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

async function untilOpen(child: ChildProcess, port: number): Promise<void> {
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  while (child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`pgbouncer ended:\n${output}`);
}
