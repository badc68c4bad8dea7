import type { Outcome } from "@reprise/server";
import type { Attempt, Checker, Fact, Scene } from "../facts.ts";
import { programOf } from "../lineage.ts";
import type { Commit } from "../mirror.ts";
import { isAppSuccess, isOfOther } from "../stuck.ts";
import { stepAtService } from "../third-party.ts";

/** Retries that a client gets when it asks for no number. */
const RETRIES_DEFAULT = 3;

interface Account {
  attempts: number;
  /** Attempts that the app or the network failed, and of which some process of the server heard. */
  failures: number;
  retried: number;
  /** Attempts with the number `retried`. */
  same: number;
  ambiguitiesBefore: number;
  /** The node that made the newest attempt; null for a server that is alone. */
  nodeKey: number | null;
  /** Attempts that a message had when its run was nudged; they use up nothing of its new budget. */
  base: number;
}

/** Failed attempts are counted, attempts of unknown end are not, and nobody makes more of them than were allowed. */
export const attempts: Checker = {
  name: "attempt accounting",
  promise: "Upstash-Retried counts failed attempts; a crash repeats a number and uses up no retry",
  observe: (scene) => {
    const watch = new AttemptsWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class AttemptsWatch {
  readonly #mirror: Scene["mirror"];
  readonly #programs: Scene["programs"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #now: Scene["now"];
  readonly #accounts = new Map<number, Account>();
  /** Crashes and commits of unknown fate: each may repeat the attempts that were under way. */
  #ambiguities = 0;

  constructor({ mirror, programs, now, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#now = now;
    this.#programs = programs;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "serverCrash" || fact.kind === "storeFault") this.#ambiguities += 1;
    if (fact.kind === "commit") this.#noteNudges(fact.commit);
    if (fact.kind === "attempt" && fact.attempt.isAgain) this.#mark("whole list behind a part");
    else if (fact.kind === "attempt") this.#checkAttempt(fact.attempt);
    if (fact.kind === "wentOn") this.#noteWentOn(fact.attempt);
    if (fact.kind === "outcome" && !isSuccess(fact.attempt, fact.outcome)) {
      const account = this.#accounts.get(fact.attempt.messageKey);
      if (account !== undefined) account.failures += 1;
    }
  }

  #checkAttempt(attempt: Attempt): void {
    const { messageKey, headers, message, number } = attempt;
    const retried = Number(headers["upstash-retried"]);
    const account = this.#accounts.get(messageKey) ?? this.#open(messageKey);
    const name = `attempt ${number} of message ${messageKey}`;
    if (retried < account.retried)
      this.#violate(`${name} says ${retried} after ${account.retried}`);
    if (retried > account.failures) {
      this.#violate(`${name} says ${retried} retries after ${account.failures} failures`);
    }
    if (retried > account.retried) {
      account.retried = retried;
      account.same = 0;
      account.ambiguitiesBefore = this.#ambiguities;
    }
    // Others make the attempts of a node whose lease is over.
    if (this.#isOver(account.nodeKey)) account.ambiguitiesBefore -= 1;
    account.nodeKey = message?.nodeKey ?? null;
    account.same += 1;
    account.attempts += 1;
    if (account.same > 1) this.#mark("number repeated");
    if (account.same > 1 + this.#ambiguities - account.ambiguitiesBefore) {
      this.#violate(`${name} repeats the number ${retried} without a crash between`);
    }
    const retries = this.#expectedRetries(attempt, account);
    if (retries !== null && retried > retries)
      this.#violate(`${name} is retry ${retried} of ${retries}`);
    if (retries !== null && message !== null && message.retries !== retries) {
      this.#violate(`${name} may be retried ${message.retries} times; asked for were ${retries}`);
    }
  }

  #isOver(nodeKey: number | null): boolean {
    if (nodeKey === null) return false;
    const node = this.#mirror.get("nodes", nodeKey);
    return node === null || node.leaseUntil <= this.#now();
  }

  /** The message of a step once more: the app has answered it without going on. */
  #noteNudges({ changes }: Commit): void {
    for (const { table, before, after } of changes) {
      if (table !== "messages" || before !== null || after === null) continue;
      const account = this.#accounts.get(after.key);
      if (account === undefined) continue;
      if (after.retried > account.attempts) {
        this.#violate(
          `message ${after.key} had ${account.attempts} attempts, not ${after.retried}`,
        );
      }
      account.base = after.retried;
      account.failures = Math.max(account.failures, after.retried);
    }
  }

  /** The attempt has begun with the commit that made the message. */
  #noteWentOn({ messageKey }: Attempt): void {
    const account = this.#accounts.get(messageKey) ?? this.#open(messageKey);
    account.attempts += 1;
    account.same += 1;
    this.#mark("went on");
  }

  #open(messageKey: number): Account {
    const account = {
      attempts: 0,
      failures: 0,
      retried: 0,
      same: 0,
      ambiguitiesBefore: this.#ambiguities,
      nodeKey: null,
      base: 0,
    };
    this.#accounts.set(messageKey, account);
    return account;
  }

  #expectedRetries({ run, url }: Attempt, { base }: Account): number | null {
    const call = stepAtService(url, this.#programs);
    if (call !== null) return call.retries ?? 0;
    const program = run === null ? null : programOf(run, this.#mirror, this.#programs);
    return program === null ? null : base + (program.trigger.retries ?? RETRIES_DEFAULT);
  }
}

function isSuccess(attempt: Attempt, outcome: Outcome): boolean {
  const { message } = attempt;
  if (isOfOther(attempt, outcome)) return false;
  if (message?.kind !== "call" && message?.kind !== "failureCall") return isAppSuccess(outcome);
  return outcome.type === "response" && outcome.status >= 200 && outcome.status < 300;
}
