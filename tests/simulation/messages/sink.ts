import type { Outcome } from "@reprise/server";
import type { Random } from "../random.ts";
import type { Behaviour } from "./wanted.ts";

/** What a destination does with one request. */
export interface Reaction {
  readonly afterMs: number;
  /** Null: it never answers. */
  readonly outcome: Outcome | null;
}

const QUICK_MS_MAX = 20;
const SLOW_MS_MAX = 12_000;
/** Longer than the lease of a node, shorter than an attempt may take. */
const SLOW_BESIDE_NODES_MS_MAX = 28_000;

export function slowMsMaxOf(nodes: number): number {
  return nodes === 1 ? SLOW_MS_MAX : SLOW_BESIDE_NODES_MS_MAX;
}

/** A destination behaves as the path of its URL says. */
export function react(url: string, random: Random, slowMsMax: number): Reaction {
  // The path was made from the list of behaviours.
  const behaviour = new URL(url).pathname.slice(1) as Behaviour;
  const quickMs = random.integer(0, QUICK_MS_MAX);
  switch (behaviour) {
    case "ok":
      return { afterMs: quickMs, outcome: answered(200) };
    case "slow":
      return { afterMs: random.integer(500, slowMsMax), outcome: answered(200) };
    case "flaky":
      return flaky(quickMs, random, slowMsMax);
    case "limited":
      return { afterMs: quickMs, outcome: random.chance(0.4) ? answered(200) : limited(random) };
    case "down":
      return { afterMs: quickMs, outcome: answered(500) };
    case "final":
      return {
        afterMs: quickMs,
        outcome: answered(489, { "upstash-nonretryable-error": ["true"] }),
      };
    case "hang":
      return { afterMs: 0, outcome: null };
  }
}

function flaky(quickMs: number, random: Random, slowMsMax: number): Reaction {
  const outcomes = [
    answered(200),
    answered(204),
    answered(500),
    answered(404),
    // Without its header it is a failure like others.
    answered(489),
    limited(random),
    reset(),
  ];
  if (random.chance(0.1)) return { afterMs: 0, outcome: null };
  return {
    afterMs: random.chance(0.3) ? random.integer(0, slowMsMax) : quickMs,
    outcome: random.pick(outcomes),
  };
}

function limited(random: Random): Outcome {
  return answered(429, { "retry-after": [String(random.integer(0, 40))] });
}

export function reset(): Outcome {
  return { type: "error", cause: "reset", message: "connection reset" };
}

function answered(
  status: number,
  headers: Readonly<Record<string, readonly string[]>> = {},
): Outcome {
  const body = new TextEncoder().encode(`answer ${status}`);
  return { type: "response", status, headers, body, isTruncated: false };
}
