import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCapacity, rollPeriod } from "./flow-control.ts";
import { GateWorld } from "./gate-world.suite.ts";
import { enter, flowGate, queueGate } from "./gates.ts";
import { contextAt, messageRow } from "./rows.suite.ts";
import type { FlowControlRow, MessageRow, QueueRow } from "./rows.ts";

/** Whatever happens to queues, keys and messages: the counts are true, the order holds, nothing starts that may not, nobody idles. */

const QUEUES = ["a", "b"];
const KEYS = ["k", "l"];

type Act = (world: GateWorld) => void;

const nth = <T>(items: readonly T[], index: number): T | undefined => items[index % items.length];

const limit = fc.integer({ min: 1, max: 3 });
const queueName = fc.constantFrom(...QUEUES);
const flowKey = fc.constantFrom(...KEYS);
const place = fc.nat({ max: 50 });

const publish = fc
  .record({
    queueName: fc.option(queueName),
    key: fc.option(flowKey),
    parallelism: fc.option(limit),
    rate: fc.option(limit),
    delayMs: fc.constantFrom(0, 0, 0, 1_500),
    hasCallback: fc.boolean(),
  })
  .map(({ queueName: name, key, parallelism, rate, delayMs, hasCallback }): Act => {
    return (world) => {
      world.publish({
        ...(name === null ? {} : { queueName: name }),
        ...(key === null ? {} : { flowControl: { key, parallelism, rate, periodMs: 1_000 } }),
        ...(hasCallback
          ? { callback: { url: "https://app.test/back", method: "POST", headers: {} } }
          : {}),
        notBefore: world.now + delayMs,
      });
    };
  });

/** Something that happens to one of the messages in flight, or to one of all. */
const onMessage = fc
  .record({ kind: fc.constantFrom("end", "end", "end", "fail", "orphan", "cancel"), place })
  .map(({ kind, place: index }): Act => {
    return (world) => {
      const pool = kind === "cancel" ? [...world.messages.values()] : world.inFlight();
      const message = nth(pool, index);
      if (message === undefined) return;
      if (kind === "end") world.end(message, 200);
      else if (kind === "fail") world.end(message, 500);
      else if (kind === "orphan") world.orphan(message);
      else world.cancel(message);
    };
  });

const onQueue = fc
  .record({
    type: fc.constantFrom("pauseQueue", "resumeQueue", "upsertQueue", "deleteQueue"),
    name: queueName,
    parallelism: limit,
    isPaused: fc.option(fc.boolean()),
  })
  .map(({ type, name, parallelism, isPaused }): Act => {
    return (world) => {
      if (type === "deleteQueue") world.deleteQueue(name);
      else if (type === "upsertQueue") world.operate({ type, name, parallelism, isPaused });
      else if (world.queue(name) !== null) world.operate({ type, name });
    };
  });

const onKey = fc
  .record({
    type: fc.constantFrom("pauseFlowControl", "resumeFlowControl", "resetFlowControlRate"),
    key: flowKey,
  })
  .map(
    (command): Act =>
      (world) =>
        world.operate(command),
  );

const pin = fc
  .record({ key: flowKey, parallelism: limit, rate: limit, isUnpinned: fc.boolean() })
  .map(({ key, parallelism, rate, isUnpinned }): Act => {
    return (world) => {
      const both = { parallelism: true, rate: true };
      if (isUnpinned) world.operate({ type: "unpinFlowControl", key, ...both });
      else world.operate({ type: "pinFlowControl", key, parallelism, rate });
    };
  });

const clock = fc.constantFrom(1, 400, 1_000, 2_500).map(
  (ms): Act =>
    (world) =>
      world.advance(ms),
);

const origin = fc.boolean().map((isFull): Act => {
  return (world) => {
    if (isFull) world.isFull = true;
    else world.openOrigin();
  };
});

const acts = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: publish },
    { weight: 10, arbitrary: onMessage },
    { weight: 2, arbitrary: onQueue },
    { weight: 2, arbitrary: onKey },
    { weight: 1, arbitrary: pin },
    { weight: 4, arbitrary: clock },
    { weight: 1, arbitrary: origin },
  ),
  { maxLength: 60 },
);

/** Runs random acts and calls `check` after each. */
function holds(check: (world: GateWorld) => void): void {
  fc.assert(
    fc.property(acts, (list) => {
      const world = new GateWorld();
      for (const act of list) {
        act(world);
        check(world);
      }
    }),
    { numRuns: 400 },
  );
}

const messagesOf = (world: GateWorld) => [...world.messages.values()];

test("the counts of a queue are those of its messages", () => {
  holds((world) => {
    for (const queue of world.queues.values()) {
      const tickets = messagesOf(world)
        .filter((message) => message.queueName === queue.name && message.ticketKey !== null)
        .map(({ ticketKey }) => ticketKey);
      expect(queue.openCount).toBe(new Set(tickets).size);
      expect(queue.waitingCount).toBe(world.line(queueGate(queue.name)).length);
    }
  });
});

test("the counts of a key are those of its messages", () => {
  holds((world) => {
    for (const flow of world.flows.values()) {
      const inFlight = world
        .inFlight()
        .filter(({ flowControlKey }) => flowControlKey === flow.name);
      expect(flow.inFlightCount).toBe(inFlight.length);
      expect(flow.waitingCount).toBe(world.line(flowGate(flow.name)).length);
    }
  });
});

test("nobody waits for a queue that is not there", () => {
  holds((world) => {
    const gates = messagesOf(world).flatMap(({ gate }) =>
      gate?.startsWith("queue:") ? [gate] : [],
    );
    for (const gate of gates) expect(world.queue(gate.slice("queue:".length))).not.toBeNull();
  });
});

test("nothing waits at a gate that would let it through", () => {
  holds((world) => {
    if (!world.isFull)
      expect(messagesOf(world).some(({ gate }) => gate?.startsWith("origin:"))).toBe(false);
    for (const queue of world.queues.values()) {
      const [first] = world.line(queueGate(queue.name));
      if (first === undefined || queue.isPaused === 1) continue;
      expect(first.ticketKey).toBeNull();
      expect(queue.openCount).toBeGreaterThanOrEqual(queue.parallelism);
    }
    for (const flow of world.flows.values()) {
      if (flow.waitingCount === 0) continue;
      const isOpen = hasCapacity(flow);
      expect(isOpen).toBe(false);
      const isWaitingForClock =
        flow.isPaused === 0 && flow.rate !== null && flow.rateCount >= flow.rate;
      expect(flow.dueAt).toBe(isWaitingForClock ? flow.periodStartAt + flow.periodMs : null);
    }
  });
});

test("what is paused starts nothing", () => {
  const seen = new WeakMap<GateWorld, number>();
  holds((world) => {
    for (const { message } of world.starts.slice(seen.get(world) ?? 0)) {
      // An act that pauses starts nothing of what it pauses, so the rows as they are now tell.
      const isOfQueue = message.kind === "plain" && message.queueName !== null;
      if (isOfQueue) expect(world.queue(message.queueName)?.isPaused ?? 0).toBe(0);
      expect(world.flow(message.flowControlKey)?.isPaused ?? 0).toBe(0);
    }
    seen.set(world, world.starts.length);
  });
});

test("no more are in flight than the key allows at the start, and no more start in a period", () => {
  holds((world) => {
    for (const { flow } of world.starts.slice(-5)) {
      if (flow === null) continue;
      if (flow.parallelism !== null)
        expect(flow.inFlightCount).toBeLessThanOrEqual(flow.parallelism);
      if (flow.rate !== null) expect(flow.rateCount).toBeLessThanOrEqual(flow.rate);
    }
  });
});

test("the rate counts what has started since the period began", () => {
  fc.assert(
    fc.property(acts, (list) => {
      const world = new GateWorld();
      const before = new Map<number, { flow: FlowControlRow; starts: number }>();
      for (const act of list) {
        const startsBefore = world.starts.length;
        // A period that is begun by hand is told from the one before by its instant.
        world.now += 1;
        act(world);
        for (const flow of world.flows.values()) {
          const begun = world.starts.slice(startsBefore);
          const count = begun.filter(({ message }) => message.flowControlKey === flow.name).length;
          const old = before.get(flow.key);
          const isSamePeriod = old?.flow.periodStartAt === flow.periodStartAt;
          const expected = count + (isSamePeriod ? old.flow.rateCount : 0);
          expect(flow.rateCount).toBe(expected);
          before.set(flow.key, { flow, starts: world.starts.length });
        }
      }
    }),
    { numRuns: 400 },
  );
});

test("places in a queue are taken in the order of its line, and never one too many", () => {
  fc.assert(
    fc.property(acts, (list) => {
      const world = new GateWorld();
      let old = new Map<number, MessageRow>();
      let oldQueues = new Map<string, QueueRow>();
      for (const act of list) {
        act(world);
        for (const queue of world.queues.values()) {
          const line = world.line(queueGate(queue.name));
          const grown = queue.openCount - (oldQueues.get(queue.name)?.openCount ?? 0);
          if (grown > 0) expect(queue.openCount).toBeLessThanOrEqual(queue.parallelism);
          for (const { ticketKey, key, queueName: name } of world.messages.values()) {
            if (ticketKey !== key || name !== queue.name || old.get(key)?.ticketKey === key)
              continue;
            const order = old.get(key)?.waitOrder ?? Number.MAX_SAFE_INTEGER;
            const overtaken = line.filter(
              ({ key: other }) => (old.get(other)?.waitOrder ?? order) < order,
            );
            expect(overtaken).toEqual([]);
          }
        }
        old = new Map(world.messages);
        oldQueues = new Map(Array.from(world.queues.values(), (queue) => [queue.name, queue]));
      }
    }),
    { numRuns: 400 },
  );
});

test("a clock that is set back holds a key up for one period at most", () => {
  const world = new GateWorld();
  const flowControl = { key: "k", parallelism: null, rate: 1, periodMs: 1_000 };
  world.publish({ flowControl });
  world.now -= 60_000;
  world.publish({ flowControl });
  expect(world.starts).toHaveLength(1);
  world.advance(1_000);
  expect(world.starts).toHaveLength(2);
  const flow = world.flow("k");
  expect(flow === null ? null : rollPeriod(flow, world.now).rateCount).toBe(1);
});

test("a retry that came due during a pause is the first to go on, in the place that it has kept", () => {
  const world = new GateWorld();
  const first = world.publish({ queueName: "a" });
  const second = world.publish({ queueName: "a" });
  for (const message of world.inFlight()) world.end(message, 500);
  world.operate({ type: "pauseQueue", name: "a" });
  world.advance(1_000);
  expect(world.line("queue:a").map(({ key }) => key)).toEqual([first, second]);
  world.operate({ type: "resumeQueue", name: "a" });
  expect(world.inFlight().map(({ key }) => key)).toEqual([first]);
  expect(world.queue("a")).toMatchObject({ openCount: 1, waitingCount: 1 });
});

test("nobody passes those who wait, even when there is room for all", () => {
  const world = new GateWorld();
  const flowControl = { key: "k", parallelism: 5, rate: null, periodMs: 1_000 };
  world.publish({ queueName: "a" });
  world.publish({ queueName: "a" });
  world.publish({ flowControl });
  // As a transaction leaves them that had no time to call everybody.
  for (const [key, queue] of world.queues) world.queues.set(key, { ...queue, parallelism: 3 });
  for (const [key, flow] of world.flows) world.flows.set(key, { ...flow, waitingCount: 1 });
  const late = { queue: world.queue("a"), flow: world.flow("k") };
  const message = messageRow({ kind: "plain", queueName: "a", flowControlKey: "k" });
  const entry = enter({ ...message, state: "scheduled" }, late, contextAt());
  expect(entry.message).toMatchObject({ state: "waiting", gate: "queue:a", ticketKey: null });
  const behind = { ...entry.message, ticketKey: message.key };
  const next = enter(behind, entry.gates, contextAt());
  expect(next.message).toMatchObject({ state: "waiting", gate: "flow:k", ticketKey: message.key });
  expect(next.gates).toMatchObject({ queue: { waitingCount: 1 }, flow: { waitingCount: 2 } });
});

test("messages that had to wait for an origin hold no place in their key", () => {
  const world = new GateWorld();
  const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
  world.isFull = true;
  world.publish({ flowControl });
  world.publish({ flowControl });
  expect(world.flow("k")).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  world.openOrigin();
  expect(world.flow("k")).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
});

test("an attempt that is given back waits in front of those who came later", () => {
  const world = new GateWorld();
  const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
  const first = world.publish({ flowControl });
  const second = world.publish({ flowControl });
  world.operate({ type: "pauseFlowControl", key: "k" });
  for (const message of world.inFlight()) world.orphan(message);
  expect(world.line("flow:k").map(({ key }) => key)).toEqual([first, second]);
});
