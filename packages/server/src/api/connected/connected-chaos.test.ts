import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { submitLines } from "../submit-lines.ts";
import { createWorld, type World } from "../test-world.suite.ts";
import { type MemoryWire, openWire } from "./memory-socket.suite.ts";
import { ConnectedRegistry } from "./registry.ts";

/** Apps come and go at random, in the middle of everything; what they have been told stays true. */

const STEPS = 12;
const RUNS = 20;

/** Repeatable chance. */
function createChance(seed: number) {
  let state = seed;
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
  return {
    isTrue: (share: number) => next() < share,
    below: (count: number) => Math.floor(next() * count),
  };
}

type Chance = ReturnType<typeof createChance>;

/** What all processes together have done and been told. */
interface Ledger {
  /** `run/step` of every step whose record was acknowledged. */
  readonly acknowledged: Set<string>;
  readonly faults: string[];
  executed: number;
}

/** A process of the app: it does one step after the other, and remembers nothing but what its deliveries say. */
class Process {
  readonly wire: MemoryWire;
  readonly #ledger: Ledger;
  readonly #chance: Chance;
  /** Delivery -> the run, and the step that has been submitted last. */
  readonly #underway = new Map<number, { readonly runId: string; step: number }>();

  constructor(wire: MemoryWire, ledger: Ledger, chance: Chance) {
    this.wire = wire;
    this.#ledger = ledger;
    this.#chance = chance;
    wire.app.onText((frame) => this.#hear(frame));
    const parallelism = 1 + chance.below(4);
    wire.app.send(JSON.stringify({ hello: { token: "t", app: "shop", parallelism } }));
  }

  leave(): void {
    this.wire.app.send('{"parallelism":0}');
  }

  get isIdle(): boolean {
    return this.#underway.size === 0;
  }

  #hear(frame: string): void {
    const lines = frame.split("\n");
    for (let at = 0; at < lines.length; ) {
      const head = JSON.parse(lines[at] ?? "");
      const body = lines.slice(at + 1, at + 1 + (head.lines ?? 0));
      at += 1 + body.length;
      if (head.deliver !== undefined) this.#begin(head.deliver, head.headers, body[0] ?? "");
      if (head.ack !== undefined) this.#acknowledge(head);
      if (head.abort !== undefined) this.#underway.delete(head.abort);
    }
  }

  #begin(id: number, headers: Readonly<Record<string, string>>, body: string): void {
    const runId = headers["upstash-workflow-runid"] ?? "";
    const list: readonly unknown[] = JSON.parse(body);
    this.#underway.set(id, { runId, step: list.length - 1 });
    this.#goOn(id);
  }

  #acknowledge(head: {
    readonly ack: number;
    readonly hold?: number;
    readonly status?: number;
    readonly reason?: string;
  }): void {
    const delivery = this.#underway.get(head.ack);
    if (delivery === undefined || head.status !== undefined) return;
    const isRecorded =
      head.hold !== undefined || head.reason?.includes("for somebody else") === true;
    if (isRecorded) this.#ledger.acknowledged.add(`${delivery.runId}/${delivery.step}`);
    if (head.hold !== undefined) this.#goOn(head.ack);
    else this.#end(head.ack, []);
  }

  #goOn(id: number): void {
    const delivery = this.#underway.get(id);
    if (delivery === undefined) return;
    const { runId, step } = delivery;
    if (step === STEPS) {
      this.#end(id, ['{"finish":{}}']);
      return;
    }
    delivery.step = step + 1;
    this.#ledger.executed++;
    const name = `${runId}/${delivery.step}`;
    if (this.#ledger.acknowledged.has(name)) this.#ledger.faults.push(`${name} was done again`);
    const record = { stepId: step + 1, stepName: "s", stepType: "Run", out: "1", concurrent: 1 };
    const line = JSON.stringify(record);
    if (this.#chance.isTrue(0.2)) this.#end(id, [line]);
    else this.wire.app.send(`{"submit":${id},"lines":1}\n${line}`);
  }

  #end(id: number, lines: readonly string[]): void {
    this.#underway.delete(id);
    const headers = { "upstash-workflow-sdk-version": "1", "reprise-answer": "v=1" };
    const head = { end: id, status: 200, headers, lines: lines.length };
    this.wire.app.send([JSON.stringify(head), ...lines].join("\n"));
  }
}

const limits = {
  parallelismMax: 100,
  helloMs: 10_000,
  helloBytesMax: 10_000,
  silenceMs: 1e9,
  bufferedBytesMax: 1e9,
  pendingBytesMax: 1e9,
  checkMs: 1_000,
  authFailuresMax: 10,
};

async function play(seed: number): Promise<{ readonly world: World; readonly ledger: Ledger }> {
  const chance = createChance(seed);
  let registry: ConnectedRegistry | null = null;
  const world = await createWorld((host) => {
    registry = new ConnectedRegistry({ host, limits });
    return registry;
  });
  // Made by the line above.
  const connected = registry as unknown as ConnectedRegistry;
  const submit = (submission: Parameters<typeof submitLines>[0]) =>
    submitLines(submission, world.room);
  connected.open({ credentials: { scopeOf: () => "full" }, submit });
  const ledger: Ledger = { acknowledged: new Set(), faults: [], executed: 0 };
  let processes: Process[] = [];
  const join = () => {
    const wire = openWire();
    connected.accept(wire.server, "203.0.113.1");
    processes.push(new Process(wire, ledger, chance));
  };
  const move = async () => {
    for (const { wire } of processes) {
      if (chance.isTrue(0.5)) wire.moveDown();
      if (chance.isTrue(0.5)) wire.moveUp();
    }
    await world.host.advance(chance.below(3));
    await turn();
  };
  const url = "http://shop.connected.alt/order";
  for (let run = 0; run < RUNS; run++) await world.start({ url, config: { retries: 1_000 } });
  for (let round = 0; round < 250; round++) {
    processes = processes.filter(({ wire }) => !wire.isCut);
    if (processes.length < 3 && chance.isTrue(0.3)) join();
    const [any] = processes.slice(chance.below(Math.max(1, processes.length)));
    if (chance.isTrue(0.15)) any?.wire.cut();
    else if (chance.isTrue(0.03)) any?.leave();
    await move();
  }
  for (const { wire } of processes) wire.cut();
  processes = [];
  join();
  await world.until(async () => {
    await move();
    const runs = await world.store.list("runs", { where: [], order: "ascending", limit: RUNS });
    return runs.every(({ state }) => state === "succeeded");
  });
  return { world, ledger };
}

test.each(Array.from({ length: 8 }, (_, seed) => seed + 1))(
  "what is acknowledged is not done again, and every run ends (seed %i)",
  async (seed) => {
    const { world, ledger } = await play(seed);
    expect(ledger.faults).toEqual([]);
    const steps = await world.store.list("steps", { where: [], order: "ascending", limit: 1_000 });
    expect(steps).toHaveLength(RUNS * (STEPS + 1));
    expect(ledger.executed).toBeGreaterThanOrEqual(RUNS * STEPS);
    const open = await world.until(async () => {
      const rows = await world.store.list("messages", { where: [], order: "ascending", limit: 10 });
      return rows.length === 0 ? { rows } : null;
    });
    expect(open.rows).toEqual([]);
    expect(world.host.logged.filter((line) => line.startsWith("error"))).toEqual([]);
  },
);
