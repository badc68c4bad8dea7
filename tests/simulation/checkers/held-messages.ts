import { messageKey } from "@reprise/protocol";
import type { Attempt, Checker, Exchange, Fact, Scene, SentRequest } from "../facts.ts";

/** A message that an invocation holds is nobody else's: neither delivered under the same lease, nor given to another holder. */
export const heldMessages: Checker = {
  name: "held messages",
  promise:
    "a lease is delivered or held, never both; it is given on by the holder of the newest lease before it alone",
  observe: (scene) => {
    const watch = new HeldWatch(scene);
    return (fact) => watch.see(fact);
  },
};

const STEPS = /^\/v2\/workflows\/runs\/[^/]+\/steps$/;

class HeldWatch {
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  /** Message -> the newest lease that anybody was told. */
  readonly #leases = new Map<number, number>();
  /** Message and lease -> the hold that was given up for it. */
  readonly #heldUnder = new Map<string, string>();
  /** Requests that name a lease which was not the newest when they arrived. */
  readonly #stale = new Set<number>();

  constructor({ violate, mark }: Scene) {
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "attempt") this.#noteAttempt(fact.attempt);
    if (fact.kind === "arrival" && STEPS.test(fact.request.target)) this.#noteArrival(fact.request);
    if (fact.kind === "answer" && STEPS.test(fact.exchange.target)) this.#check(fact.exchange);
  }

  #noteAttempt({ number, messageKey: key, hold }: Attempt): void {
    if (hold === null) return;
    if (this.#heldUnder.has(`${key} ${hold}`)) {
      this.#violate(`attempt ${number} delivers message ${key} under lease ${hold}, which is held`);
    }
    this.#leases.set(key, Number(hold));
  }

  #noteArrival(request: SentRequest): void {
    const { key, lease } = holdOf(request);
    if ((this.#leases.get(key) ?? 0) > lease) {
      this.#stale.add(request.number);
      this.#mark("stale hold");
    }
  }

  #check(exchange: Exchange): void {
    const { number, status, answer, from } = exchange;
    if (status !== 200) return;
    // The documented answer.
    const said = JSON.parse(answer) as { readonly messageId?: string; readonly hold?: number };
    if (said.messageId === undefined) {
      this.#mark("told to stop");
      return;
    }
    const { key, lease } = holdOf(exchange);
    const under = `${key} ${lease}`;
    const next = `${messageKey(said.messageId) ?? 0} ${said.hold}`;
    const name = `${from} (request ${number}) goes on with ${next} for ${under}`;
    if (this.#stale.has(number)) {
      this.#violate(`${name}, and message ${key} has lease ${this.#leases.get(key)}`);
    }
    const other = this.#heldUnder.get(next) ?? under;
    if (other !== under) this.#violate(`${name}; it was given for ${other}`);
    this.#heldUnder.set(next, under);
    this.#leases.set(messageKey(said.messageId) ?? 0, said.hold ?? 0);
    this.#mark("message held");
  }
}

function holdOf({ headers }: SentRequest): { readonly key: number; readonly lease: number } {
  const key = messageKey(headers["upstash-message-id"] ?? "") ?? 0;
  return { key, lease: Number(headers["reprise-hold"]) };
}
