import { deadLetterKey } from "@reprise/protocol";
import type { RunRow } from "@reprise/server";
import type { Fact, Scene, SentRequest } from "./facts.ts";
import { programOf } from "./lineage.ts";

/** Retries that a client gets when it asks for no number. */
const RETRIES_DEFAULT = 3;

/** How many retries the messages of a run may have: what its trigger has asked for, or those who have revived it since. */
export class RetryAllowance {
  readonly #scene: Scene;
  /** Dead letter -> numbers that people have asked for with its resume or restart, accepted or not. */
  readonly #overrides = new Map<number, readonly number[]>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  note(fact: Fact): void {
    if (fact.kind === "arrival") this.#noteOverride(fact.request);
  }

  of(run: RunRow | null): ReadonlySet<number> {
    const { mirror, programs } = this.#scene;
    const program = run === null ? null : programOf(run, mirror, programs);
    const allowed = new Set([program?.trigger.retries ?? RETRIES_DEFAULT]);
    let source = run?.sourceRunKey ?? null;
    while (source !== null) {
      const before: RunRow | null = mirror.get("runs", source);
      for (const retries of this.#overrides.get(before?.deadLetterKey ?? 0) ?? []) {
        allowed.add(retries);
      }
      source = before?.sourceRunKey ?? null;
    }
    return allowed;
  }

  #noteOverride({ target, headers }: SentRequest): void {
    const retries = headers["upstash-retries"];
    if (!/\/dlq\/(resume|restart)/.test(target) || retries === undefined) return;
    this.#scene.mark("retries overridden");
    for (const id of new URLSearchParams(target.slice(target.indexOf("?"))).getAll("dlqIds")) {
      const key = deadLetterKey(id)?.key ?? 0;
      this.#overrides.set(key, [...(this.#overrides.get(key) ?? []), Number(retries)]);
    }
  }
}
