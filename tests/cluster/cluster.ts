import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "@reprise/server/embedded-postgres.suite";
import { Client } from "pg";
import { Balancer } from "./balancer.ts";
import { ServerNode } from "./server-node.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** How long a node counts as alive without a sign of life. Short, so that a round sees the whole story. */
export const LEASE_MS = 4_000;
/** Longer than a node stands still or is cut off, so that no attempt counts as failed for it. */
export const ATTEMPT_TIMEOUT_MS = 14_000;
const DRAIN_MS = 10_000;

/** In the form in which SDKs read it. */
export const TOKEN = Buffer.from(
  JSON.stringify({ UserID: "cluster", Password: "0123456789abcdef0123456789abcdef" }),
).toString("base64");
export const SIGNING_KEYS = {
  current: "sig_cluster_current_0123456789abcdef",
  next: "sig_cluster_next_0123456789abcdef0",
} as const;

/** One PostgreSQL, several server processes that each reach it through a proxy, and a load balancer in front of them. */
export class Cluster {
  readonly postgres: EmbeddedPostgres;
  readonly databaseUrl: string;
  readonly nodes: readonly ServerNode[];
  /** Of the node with the same place. */
  readonly proxies: readonly TcpProxy[];
  readonly balancer: Balancer;
  readonly directory: string;

  private constructor(
    parts: Pick<Cluster, "postgres" | "databaseUrl" | "proxies" | "directory">,
    aheadMs: readonly number[],
  ) {
    this.postgres = parts.postgres;
    this.databaseUrl = parts.databaseUrl;
    this.proxies = parts.proxies;
    this.directory = parts.directory;
    this.nodes = parts.proxies.map((proxy, index) => {
      const dataDir = join(parts.directory, `node-${index}`);
      const env = nodeEnvironment(portOf(parts.databaseUrl, proxy), dataDir);
      return new ServerNode(index, { ...env, ...clockEnvironment(aheadMs[index] ?? 0) });
    });
    this.balancer = new Balancer(this.nodes);
  }

  /** @param aheadMs How far the clocks of the nodes are ahead of the machine's. */
  static async open(nodeCount: number, aheadMs: readonly number[] = []): Promise<Cluster> {
    // What a killed process has written the system keeps: only a power cut would need the disk.
    const postgres = await startPostgres({ fsync: false });
    const databaseUrl = await postgres.createDatabase();
    const proxies = Array.from({ length: nodeCount }, () => new TcpProxy(postgres.port));
    for (const proxy of proxies) await proxy.start();
    const directory = mkdtempSync(join(tmpdir(), "reprise-cluster-"));
    const cluster = new Cluster({ postgres, databaseUrl, proxies, directory }, aheadMs);
    await cluster.balancer.start();
    return cluster;
  }

  async startAll(): Promise<void> {
    for (const node of this.nodes) {
      if (await node.start()) continue;
      throw new Error(`node ${node.number} does not start:\n${node.output}`);
    }
  }

  /** Ends whatever still runs. */
  async close(): Promise<void> {
    this.balancer.stop();
    for (const node of this.nodes) await node.kill();
    for (const proxy of this.proxies) await proxy.stop();
    await this.postgres.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Asks the database beside the nodes. */
  async query<T>(sql: string): Promise<readonly T[]> {
    const client = new Client({ connectionString: this.databaseUrl });
    // Sessions are ended on purpose; whoever waits for an answer hears of it.
    client.on("error", () => {});
    await client.connect();
    try {
      const { rows } = await client.query(sql);
      return rows as readonly T[]; // Each caller names its columns.
    } finally {
      await client.end().catch(() => {});
    }
  }
}

function portOf(databaseUrl: string, proxy: TcpProxy): string {
  const url = new URL(databaseUrl);
  url.port = String(proxy.port);
  return url.href;
}

/** Puts the clock of a process forward or back, before anything of it runs. */
function clockEnvironment(aheadMs: number): Readonly<Record<string, string>> {
  if (aheadMs === 0) return {};
  const code = `
    const Real = Date;
    globalThis.Date = class Date extends Real {
      constructor(...values) {
        if (values.length === 0) super(Real.now() + ${aheadMs});
        else super(...values);
      }
      static now() {
        return Real.now() + ${aheadMs};
      }
    };
  `;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

export function nodeEnvironment(databaseUrl: string, dataDir: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH ?? "",
    NODE_ENV: "production",
    REPRISE_HOST: "127.0.0.1",
    REPRISE_PORT: "0",
    REPRISE_DATA_DIR: dataDir,
    REPRISE_DATABASE_URL: databaseUrl,
    REPRISE_NODE_LEASE: `${LEASE_MS}ms`,
    REPRISE_TOKEN: TOKEN,
    REPRISE_CURRENT_SIGNING_KEY: SIGNING_KEYS.current,
    REPRISE_NEXT_SIGNING_KEY: SIGNING_KEYS.next,
    REPRISE_EGRESS: "allow-private",
    REPRISE_LOG_LEVEL: "warn",
    REPRISE_ATTEMPT_TIMEOUT: `${ATTEMPT_TIMEOUT_MS}ms`,
    REPRISE_DRAIN_TIMEOUT: `${DRAIN_MS}ms`,
  };
}
