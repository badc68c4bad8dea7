import type { Checker } from "../facts.ts";

/** The failure function hears of every failed run: its call is stored with the failure and made until it has an end. */
export const failureCall: Checker = {
  name: "failure call",
  promise:
    "a failed run's failure function is called at least once, after the dead letter is on disk",
  observe: ({ mirror, violate }) => {
    /** Dead letters whose failure call has been attempted. */
    const called = new Set<number>();
    /** Runs whose failure function has returned. */
    const heard = new Set<string>();
    return (fact) => {
      switch (fact.kind) {
        case "commit":
          for (const { table, before, after } of fact.commit.changes) {
            if (table === "deadLetters" && before === null && after !== null) {
              checkStored(after.key, fact.commit.seq);
            }
          }
          return;
        case "attempt":
          noteAttempt(fact.attempt.number, fact.attempt.message);
          return;
        case "failureFunction":
          if (!fact.hasThrown) heard.add(fact.runId);
          return;
        case "end":
          for (const { key } of mirror.all("deadLetters")) checkEnd(key);
      }
    };

    function checkStored(key: number, seq: number): void {
      const calls = mirror
        .all("messages")
        .filter((message) => message.deadLetterKey === key && mirror.bornIn(message.key) === seq);
      if (calls.length !== 1) violate(`dead letter ${key} came with ${calls.length} failure calls`);
    }

    function noteAttempt(
      number: number,
      message: { readonly kind: string; readonly deadLetterKey: number | null } | null,
    ): void {
      if (message?.kind !== "failureCall") return;
      const key = message.deadLetterKey ?? 0;
      if (mirror.get("deadLetters", key) === null) {
        violate(`attempt ${number} reports a dead letter that is not on disk`);
      }
      called.add(key);
    }

    function checkEnd(key: number): void {
      const entry = mirror.get("deadLetters", key);
      if (entry === null) return;
      const { callbackState, runId } = entry;
      if (callbackState === "CALLBACK_INPROGRESS") violate(`failure call of ${key} has not ended`);
      if (callbackState !== "CALLBACK_CANCELED" && !called.has(key)) {
        violate(`run ${runId} failed, and its failure function was never called`);
      }
      if (callbackState === "CALLBACK_SUCCESS" && !heard.has(runId)) {
        violate(`the failure call of run ${runId} is a success that the app knows nothing of`);
      }
    }
  },
};
