import type { EventList, Scheduled } from "./event-list.ts";
import type { Random } from "./random.ts";

export interface OutsideWorld {
  readonly events: EventList;
  readonly random: Random;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly print: ((line: string) => void) | null;
}

/**
 * Puts the world's clock, chance and network in the place of the real ones, for the SDK and whatever else asks the global
 * scope. Gives the function that takes them away again.
 */
export function replaceGlobals(world: OutsideWorld): () => void {
  const { events, random } = world;
  const timers = new Map<number, Scheduled>();
  let timerCount = 0;
  const setTimer = (run: () => void, delayMs = 0): number => {
    timerCount += 1;
    const id = timerCount;
    const fire = () => {
      timers.delete(id);
      run();
    };
    timers.set(id, events.in(Math.max(0, delayMs), "timer of the SDK", fire));
    return id;
  };
  const repeat = (run: () => void, delayMs: number): number => {
    timerCount += 1;
    const id = timerCount;
    const fire = () => {
      timers.set(id, events.inBackground(delayMs, "pulse of the SDK", fire));
      run();
    };
    timers.set(id, events.inBackground(delayMs, "pulse of the SDK", fire));
    return id;
  };
  const clear = (id: number) => {
    timers.get(id)?.cancel();
    timers.delete(id);
  };
  const restores = [
    // Stacks cost a third of a world's time, and the SDK sends them around; a replay that prints has them.
    ...(world.print === null ? [replace(Error, "stackTraceLimit", 0)] : []),
    replace(globalThis, "Date", virtualDate(events)),
    replace(globalThis, "setTimeout", setTimer),
    replace(globalThis, "clearTimeout", clear),
    replace(globalThis, "setInterval", repeat),
    replace(globalThis, "clearInterval", clear),
    // By it the SDK of this project finds the end of a turn: whatever else is ready may come before.
    replace(globalThis, "setImmediate", (run: () => void) => {
      events.in(0, "end of a turn", run);
    }),
    replace(globalThis, "fetch", (url: unknown, init: RequestInit = {}) =>
      world.fetch(String(url), init),
    ),
    replace(Math, "random", () => random.next()),
    replace(crypto, "randomUUID", () => toUuid(random.bytes(16))),
    replace(crypto, "getRandomValues", (target: Uint8Array) => {
      target.set(random.bytes(target.length));
      return target;
    }),
    ...(["log", "info", "warn", "error"] as const).map((name) =>
      replace(console, name, (...words: unknown[]) => world.print?.(`    ${words.join(" ")}`)),
    ),
  ];
  return () => {
    for (const restore of restores) restore();
  };
}

function replace(owner: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
}

const RealDate = Date;

function virtualDate(events: EventList): DateConstructor {
  const construct = (...parts: readonly unknown[]): Date =>
    // The list of arguments is passed on as it came.
    parts.length === 0 ? new RealDate(events.now) : Reflect.construct(RealDate, parts as [number]);
  return new Proxy(RealDate, {
    construct: (_target, parts) => construct(...parts),
    apply: () => new RealDate(events.now).toString(),
    get: (target, name, receiver) =>
      name === "now" ? () => events.now : Reflect.get(target, name, receiver),
  });
}

function toUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
