import { isRepriseError } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { decideDeleteDeadLetter, decideHoldDeadLetter } from "./dead-letter.ts";
import { decideDeleteDeadMessage, decideHoldDeadMessage } from "./dead-message.ts";
import { contextAt, deadLetterRow, deadMessageRow, NOW, updateOf } from "./rows.suite.ts";
import type { DeadLetterRow, DeadMessageRow } from "./rows.ts";
import type { Transition } from "./transition.ts";

/** What retention and holds make of an entry; both kinds are alike. */

type Fields = Partial<Pick<DeadLetterRow & DeadMessageRow, "createdAt" | "isHeld">> & {
  readonly state?: "open" | "deleted" | "expired";
};

const noLeftovers = { openMessages: [], waits: [], events: [] };

interface Kind {
  readonly table: "deadLetters" | "deadMessages";
  remove(fields: Fields | null, failedBefore?: number): Transition<null>;
  hold(fields: Fields | null, isHeld: boolean): Transition<null>;
}

const letters: Kind = {
  table: "deadLetters",
  remove: (fields, failedBefore) => {
    const deadLetter = fields === null ? null : deadLetterRow(fields);
    const command = { type: "deleteDeadLetter", deadLetterKey: 1 } as const;
    const state = { deadLetter, failedMessage: null, leftovers: noLeftovers };
    const own = failedBefore === undefined ? command : { ...command, failedBefore };
    return decideDeleteDeadLetter(state, own, contextAt());
  },
  hold: (fields, isHeld) => {
    const deadLetter = fields === null ? null : deadLetterRow(fields);
    return decideHoldDeadLetter(
      { deadLetter },
      { type: "holdDeadLetter", deadLetterKey: 1, isHeld },
    );
  },
};

const messages: Kind = {
  table: "deadMessages",
  remove: (fields, failedBefore) => {
    const deadMessage = fields === null ? null : deadMessageRow(fields);
    const command = { type: "deleteDeadMessage", deadMessageKey: 1 } as const;
    const own = failedBefore === undefined ? command : { ...command, failedBefore };
    return decideDeleteDeadMessage({ deadMessage }, own, contextAt());
  },
  hold: (fields, isHeld) => {
    const deadMessage = fields === null ? null : deadMessageRow(fields);
    return decideHoldDeadMessage(
      { deadMessage },
      { type: "holdDeadMessage", deadMessageKey: 1, isHeld },
    );
  },
};

const old = { createdAt: NOW - 100 };

describe.each([
  ["of a run", letters],
  ["of a message", messages],
] as const)("a dead letter %s", (_name, { table, remove, hold }) => {
  test("expires when its time is over", () => {
    const transition = remove(old, NOW - 100);
    expect(updateOf(transition, table)).toMatchObject({ state: "expired", closedAt: NOW });
  });

  test.each([
    ["is younger", { createdAt: NOW - 99 }],
    ["is held", { ...old, isHeld: 1 }],
    ["was handled meanwhile", { ...old, state: "deleted" }],
    ["has expired already", { ...old, state: "expired" }],
    ["is gone", null],
  ] as const)("is left alone by retention when it %s", (_what, fields) => {
    expect(remove(fields, NOW - 100)).toEqual({ changes: [], effects: [], answer: null });
  });

  test("is deleted by a person, held or not, and as such", () => {
    for (const isHeld of [0, 1] as const) {
      const transition = remove({ ...old, isHeld });
      expect(updateOf(transition, table)).toMatchObject({ state: "deleted", closedAt: NOW });
    }
  });

  test("is held and released", () => {
    expect(updateOf(hold({ isHeld: 0 }, true), table)).toEqual({ isHeld: 1 });
    expect(updateOf(hold({ isHeld: 1 }, false), table)).toEqual({ isHeld: 0 });
  });

  test.each([
    ["deleted", { state: "deleted" }],
    ["expired", { state: "expired" }],
    ["gone", null],
  ] as const)("is found by nobody when it is %s", (_what, fields) => {
    const acts = [() => remove(fields), () => hold(fields, true), () => hold(fields, false)];
    for (const act of acts) {
      let error: unknown = null;
      try {
        act();
      } catch (thrown) {
        error = thrown;
      }
      expect(isRepriseError(error) && error.code).toBe("dead_letter_not_found");
    }
  });
});
