import type { Random } from "../crash/random.ts";
import { type Cluster, LEASE_MS } from "./cluster.ts";
import type { ServerNode } from "./server-node.ts";
import type { CommitCut, Direction, TcpProxy } from "./tcp-proxy.ts";

export interface FaultRoom {
  readonly cluster: Cluster;
  readonly random: Random;
}

/** Does harm and mends it; gives what it did, for the report. */
type Strike = (room: FaultRoom) => Promise<string>;

const DOWN_MS_MAX = 1_500;
/** Beyond the lease, so that another node takes over while the first one is still there. */
const BEYOND_MS_MIN = 700;
const BEYOND_MS_MAX = 2_200;
const SPELL_MS = 2_000;
const STROKE_PAUSE_MS = 200;
const CUTS_MAX = 6;
const LATENCY_MS = 150;

/** Everything that can happen to a cluster. Each comes in turn, in an order that the seed draws. */
export const FAULTS: Readonly<Record<string, Strike>> = {
  "kill one node": killOne,
  "freeze one node beyond its lease": freezeBeyond,
  "PostgreSQL restarts (fast)": (room) => restart(room, () => room.cluster.postgres.stop()),
  "lose answers to COMMIT": (room) => cutCommits(room, "after"),
  "cut one node off": (room) => hold(room, ["toServer", "toClient"]),
  "PostgreSQL is killed": (room) => restart(room, () => room.cluster.postgres.kill()),
  "end every session": endSessions,
  "kill every node": killAll,
  "cut one direction": (room) => hold(room, [room.random.pick(["toServer", "toClient"])]),
  "PostgreSQL restarts (immediate)": (room) => restart(room, () => stopNow(room.cluster)),
  "lose COMMIT itself": (room) => cutCommits(room, "before"),
  "freeze one node within its lease": freezeWithin,
  "a node dies while PostgreSQL restarts": killDuringRestart,
  "break connections": breakConnections,
  "slow network": slow,
};

interface Target {
  readonly node: ServerNode;
  readonly proxy: TcpProxy;
}

function pick({ cluster, random }: FaultRoom): Target {
  const index = random.between(0, cluster.nodes.length - 1);
  const [node, proxy] = [cluster.nodes[index], cluster.proxies[index]];
  if (node === undefined || proxy === undefined) throw new Error(`there is no node ${index}`);
  return { node, proxy };
}

function beyondLease(random: Random): number {
  return LEASE_MS + random.between(BEYOND_MS_MIN, BEYOND_MS_MAX);
}

async function killOne(room: FaultRoom): Promise<string> {
  const { node } = pick(room);
  await node.kill();
  // It comes back before its lease is over, or behind that.
  await wait(room.random.between(0, 1.3 * LEASE_MS));
  await node.start();
  return `node ${node.number}`;
}

async function killAll({ cluster, random }: FaultRoom): Promise<string> {
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await wait(random.between(0, DOWN_MS_MAX));
  await Promise.all(cluster.nodes.map((node) => node.start()));
  return "all at once";
}

async function freezeBeyond(room: FaultRoom): Promise<string> {
  return freeze(room, beyondLease(room.random));
}

async function freezeWithin(room: FaultRoom): Promise<string> {
  return freeze(room, room.random.between(200, LEASE_MS / 2));
}

async function freeze(room: FaultRoom, ms: number): Promise<string> {
  const { node } = pick(room);
  node.freeze();
  await wait(ms);
  node.thaw();
  return `node ${node.number} for ${ms} ms`;
}

async function restart({ cluster, random }: FaultRoom, end: () => Promise<void>): Promise<string> {
  await end();
  const ms = random.between(0, DOWN_MS_MAX);
  await wait(ms);
  await cluster.postgres.start();
  return `down for ${ms} ms`;
}

/** SIGQUIT: sessions break off in the middle, and the next start recovers. */
async function stopNow({ postgres }: Cluster): Promise<void> {
  process.kill(postgres.processId, "SIGQUIT");
  // Waits for its end.
  await postgres.stop();
}

async function killDuringRestart(room: FaultRoom): Promise<string> {
  const { node } = pick(room);
  const restarted = restart(room, () => room.cluster.postgres.kill());
  await wait(room.random.between(0, 300));
  await node.kill();
  const done = await restarted;
  await node.start();
  return `node ${node.number}, ${done}`;
}

async function endSessions({ cluster }: FaultRoom): Promise<string> {
  let ended = 0;
  for (let spent = 0; spent < SPELL_MS; spent += STROKE_PAUSE_MS) {
    const rows = await cluster.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    ended += rows.length;
    await wait(STROKE_PAUSE_MS);
  }
  return `${ended} sessions`;
}

async function breakConnections({ cluster }: FaultRoom): Promise<string> {
  for (let spent = 0; spent < SPELL_MS; spent += STROKE_PAUSE_MS) {
    for (const proxy of cluster.proxies) proxy.reset();
    await wait(STROKE_PAUSE_MS);
  }
  return "of all nodes";
}

async function cutCommits({ cluster, random }: FaultRoom, cut: CommitCut): Promise<string> {
  const before = countCuts(cluster);
  for (const proxy of cluster.proxies) proxy.cutCommit(cut, random.between(2, CUTS_MAX));
  await wait(SPELL_MS);
  for (const proxy of cluster.proxies) proxy.disarm();
  return `${countCuts(cluster) - before} of them`;
}

export function countCuts({ proxies }: Cluster): number {
  return proxies.reduce((sum, { cutCommits: count }) => sum + count, 0);
}

async function hold(room: FaultRoom, directions: readonly Direction[]): Promise<string> {
  const { node, proxy } = pick(room);
  const ms = beyondLease(room.random);
  proxy.hold(...directions);
  await wait(ms);
  // A mended network delivers late what was held back, or has forgotten the connections.
  const isForgotten = room.random.chance(0.5);
  if (isForgotten) proxy.reset();
  proxy.release();
  return `node ${node.number}, ${directions.join(" and ")} for ${ms} ms${isForgotten ? ", then reset" : ""}`;
}

async function slow({ cluster }: FaultRoom): Promise<string> {
  for (const proxy of cluster.proxies) proxy.slow(LATENCY_MS);
  await wait(SPELL_MS);
  for (const proxy of cluster.proxies) proxy.slow(0);
  return `${LATENCY_MS} ms in each direction`;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
