import type {
  CallStep,
  NotifyStep,
  Program,
  ProgramStep,
  ServiceBehaviour,
  SingleStep,
  Trouble,
} from "./program.ts";
import type { Random } from "./random.ts";

export interface Writing {
  readonly random: Random;
  readonly horizonMs: number;
  /** Programs that clients start; those with higher indexes are invoked by others. */
  readonly mainCount: number;
  readonly count: number;
}

/** So few ids that runs meet in them; one of them is not a plain word. */
export const EVENT_IDS = ["paid", "order/7 shipped", "done"] as const;

const WIDE_GROUPS = 0.1;
const FAILING_GROUPS = 0.12;
const LASTING: ReadonlySet<SingleStep["kind"]> = new Set([
  "sleep",
  "call",
  "waitForEvent",
  "waitForWebhook",
  "invoke",
]);

export function createProgram(index: number, writing: Writing): Program {
  const { random, horizonMs, mainCount } = writing;
  const isChild = index >= mainCount;
  const writer = new Writer(index, writing);
  const steps = writer.steps(random.integer(1, isChild ? 3 : 4));
  if (random.chance(0.06)) steps.splice(random.integer(0, steps.length), 0, { kind: "cancel" });
  return {
    index,
    steps,
    isChild,
    failureFunction: random.pick(["none", "works", "works", "throwsFirst", "throwsUntilHealed"]),
    trigger: {
      afterMs: random.integer(0, Math.floor(horizonMs / 2)),
      runId: !isChild && random.chance(0.4) ? `run-${index}` : null,
      retries: random.pick([null, 0, 1, 2, 3]),
      retryDelay: random.pick([null, "1000", "1000 * (1 + retried)", "pow(2, retried) * 500"]),
      delaySeconds: !isChild && random.chance(0.15) ? random.integer(1, 60) : null,
      label: random.chance(0.3) ? `label-${index % 3}` : null,
      times: random.chance(0.15) ? 2 : 1,
    },
  };
}

class Writer {
  readonly #index: number;
  readonly #writing: Writing;
  /** Webhooks that a step before the next one has made. */
  readonly #webhooks: string[] = [];
  #count = 0;

  constructor(index: number, writing: Writing) {
    this.#index = index;
    this.#writing = writing;
  }

  steps(count: number): ProgramStep[] {
    const { random } = this.#writing;
    const first = random.chance(0.2) ? [this.#single(["createWebhook"])] : [];
    this.#remember(first);
    const rest = Array.from({ length: count - first.length }, (): ProgramStep => {
      if (random.chance(FAILING_GROUPS)) return this.#failingGroup();
      const width = random.chance(0.65)
        ? 1
        : random.chance(WIDE_GROUPS)
          ? random.integer(5, 8)
          : random.integer(2, 4);
      const branches = Array.from({ length: width }, () => this.#single());
      this.#remember(branches);
      const [only] = branches;
      return width === 1 && only !== undefined ? only : { kind: "parallel", branches };
    });
    return [...first, ...rest];
  }

  /** Webhooks that the steps behind may wait for. */
  #remember(branches: readonly SingleStep[]): void {
    for (const { kind, name } of branches) if (kind === "createWebhook") this.#webhooks.push(name);
  }

  /** One branch fails at once, while others are still at work on the rest. */
  #failingGroup(): ProgramStep {
    const kinds = this.#possibleKinds().filter((kind) => LASTING.has(kind));
    const width = this.#writing.random.integer(1, 2);
    const lasting = Array.from({ length: width }, () => this.#single(kinds));
    this.#count += 1;
    const failing: SingleStep = {
      kind: "run",
      name: `run ${this.#count}`,
      value: "done",
      workMs: 0,
      trouble: { type: "nonRetryableUntilHealed" },
    };
    return { kind: "parallel", branches: [...lasting, failing] };
  }

  #single(kinds: readonly SingleStep["kind"][] = this.#possibleKinds()): SingleStep {
    const { random } = this.#writing;
    const kind = random.pick(kinds);
    this.#count += 1;
    const name = `${kind} ${this.#count}`;
    switch (kind) {
      case "run":
        return {
          kind,
          name,
          value: createValue(random, 2),
          workMs: random.chance(0.6) ? 0 : random.integer(1, 200),
          trouble: createTrouble(random),
        };
      case "sleep":
      case "sleepUntil":
        return { kind, name, seconds: random.pick([0, 1, 5, 30, 600]) };
      case "call":
        return createCall(name, random);
      case "waitForEvent": {
        const timeoutSeconds = random.pick([1, 5, 30, 30, 600, null]);
        return { kind, name, eventId: random.pick(EVENT_IDS), timeoutSeconds };
      }
      case "notify":
        return { kind, name, eventId: random.pick(EVENT_IDS), target: this.#target() };
      case "createWebhook":
        return { kind, name };
      case "waitForWebhook": {
        const webhook = random.pick(this.#webhooks);
        return { kind, name, webhook, timeoutSeconds: random.pick([1, 5, 30, 600]) };
      }
      case "invoke": {
        const { mainCount, count } = this.#writing;
        const program = random.integer(Math.max(this.#index + 1, mainCount), count - 1);
        return { kind, name, program };
      }
    }
  }

  /** Only what is possible: a webhook must have been made, and a program invokes none before itself, so that none calls itself. */
  #possibleKinds(): readonly SingleStep["kind"][] {
    const { mainCount, count } = this.#writing;
    const kinds: SingleStep["kind"][] = ["run", "run", "run", "sleep", "sleepUntil"];
    kinds.push("call", "call", "waitForEvent", "waitForEvent", "notify", "createWebhook");
    if (this.#webhooks.length > 0) kinds.push("waitForWebhook", "waitForWebhook", "waitForWebhook");
    if (Math.max(this.#index + 1, mainCount) < count) kinds.push("invoke", "invoke");
    return kinds;
  }

  #target(): NotifyStep["target"] {
    const { random, mainCount } = this.#writing;
    const target = random.pick(["everybody", "itself", "other"] as const);
    if (target !== "other") return target;
    return { runId: `wfr_run-${random.integer(0, mainCount - 1)}` };
  }
}

function createCall(name: string, random: Random): CallStep {
  const method = random.pick(["GET", "POST", "PUT"] as const);
  return {
    kind: "call",
    name,
    method,
    body: method === "GET" ? null : random.pick([null, "", '{"ü":[1]}']),
    retries: random.pick([null, 0, 1, 2, 3]),
    retryDelay: random.pick([null, "1000", "20000"]),
    timeoutSeconds: random.pick([null, null, 5]),
    flowKey: random.chance(0.2) ? "service" : null,
    service: createBehaviour(random),
  };
}

function createBehaviour(random: Random): ServiceBehaviour {
  const times = random.pick([1, 2, 4]);
  switch (random.integer(0, 7)) {
    case 0:
      return { type: "hangs", times };
    case 1:
      return { type: "refuses", times };
    case 2:
    case 3:
    case 4:
      return { type: "answers", status: random.pick([500, 404, 429, 300]), times };
    default:
      return { type: "answers", status: 500, times: 0 };
  }
}

function createTrouble(random: Random): Trouble {
  if (random.chance(0.75)) return { type: "none" };
  switch (random.integer(0, 3)) {
    case 0:
      return { type: "throws", times: random.integer(1, 4) };
    case 1:
      return { type: "retryAfter", times: random.integer(1, 3), seconds: random.integer(0, 90) };
    case 2:
      return { type: "throwsUntilHealed" };
    default:
      return { type: "nonRetryableUntilHealed" };
  }
}

function createValue(random: Random, depth: number): unknown {
  const kind = random.integer(0, depth > 0 ? 8 : 5);
  if (kind === 0) return undefined;
  if (kind === 1) return null;
  if (kind === 2) return random.integer(-5, 5);
  if (kind === 3) return random.chance(0.5);
  if (kind <= 5) return random.pick(["", "x", "ü → 漢 🎲", 'quote " and \\ ', "line\nbreak"]);
  const inner = Array.from({ length: random.integer(0, 3) }, () => createValue(random, depth - 1));
  if (kind === 6) return inner;
  return Object.fromEntries(inner.map((value, index) => [`key ${index}`, value]));
}
