import type { RetryDeadMessage } from "../core/commands.ts";
import { decideHoldDeadLetter } from "../core/dead-letter.ts";
import {
  decideDeleteDeadMessage,
  decideHoldDeadMessage,
  decideRetryDeadMessage,
  retryEnvelope,
} from "../core/dead-message.ts";
import { type Envelope, parseEnvelope } from "../core/envelope.ts";
import { GateBook } from "../core/gate-book.ts";
import type { Handlers } from "./handlers.ts";
import { bookOf, wantGates } from "./message-commands.ts";
import type { WorkingSet } from "./working-set.ts";

/** Loads and asks for what concerns dead messages, and the hold of any dead letter. */

/** Keys of the new message: its own, that of its log row, its place in a line; and those of a new queue and flow control. */
const KEYS_OF_RETRY = 5;

export const deadMessageHandlers: Handlers = {
  retryDeadMessage: {
    want(command, wants) {
      wants.deadMessages.add(command.deadMessageKey);
    },
    wantReferred(command, work, wants) {
      const deadMessage = work.get("deadMessages", command.deadMessageKey);
      if (deadMessage !== null) wants.envelopes.add(deadMessage.messageKey);
    },
    wantRest(command, work, wants) {
      const envelope = newEnvelope(command, work);
      if (envelope !== null) wantGates(envelope, wants);
    },
    keysNeeded: () => KEYS_OF_RETRY,
    decide(command, { work, context }) {
      const deadMessage = work.get("deadMessages", command.deadMessageKey);
      const envelope = newEnvelope(command, work);
      const state = {
        deadMessage,
        envelopeRow: deadMessage === null ? null : work.get("envelopes", deadMessage.messageKey),
        gates: envelope === null ? new GateBook(null, []) : bookOf(envelope, work),
      };
      return decideRetryDeadMessage(state, command, context);
    },
  },
  deleteDeadMessage: {
    want(command, wants) {
      wants.deadMessages.add(command.deadMessageKey);
    },
    keysNeeded: () => 0,
    decide(command, { work, context }) {
      const deadMessage = work.get("deadMessages", command.deadMessageKey);
      return decideDeleteDeadMessage({ deadMessage }, command, context);
    },
  },
  holdDeadMessage: {
    want(command, wants) {
      wants.deadMessages.add(command.deadMessageKey);
    },
    keysNeeded: () => 0,
    decide(command, { work }) {
      const deadMessage = work.get("deadMessages", command.deadMessageKey);
      return decideHoldDeadMessage({ deadMessage }, command);
    },
  },
  holdDeadLetter: {
    want(command, wants) {
      wants.deadLetters.add(command.deadLetterKey);
    },
    keysNeeded: () => 0,
    decide(command, { work }) {
      const deadLetter = work.get("deadLetters", command.deadLetterKey);
      return decideHoldDeadLetter({ deadLetter }, command);
    },
  },
};

function newEnvelope(command: RetryDeadMessage, work: WorkingSet): Envelope | null {
  const deadMessage = work.get("deadMessages", command.deadMessageKey);
  if (deadMessage === null) return null;
  const row = work.get("envelopes", deadMessage.messageKey);
  return row === null ? null : retryEnvelope(parseEnvelope(row.config), command.overrides);
}
