import { isRepriseError } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { decideRetryDeadMessage, retryEnvelope } from "./dead-message.ts";
import { type Envelope, parseEnvelope } from "./envelope.ts";
import { GateBook } from "./gate-book.ts";
import {
  contextAt,
  deadMessageRow,
  envelopeRow,
  insertsInto,
  NOW,
  updateOf,
} from "./rows.suite.ts";

const command = {
  type: "retryDeadMessage",
  deadMessageKey: 20,
  overrides: { notBefore: NOW },
} as const;
const gates = () => new GateBook(null, []);

describe("a message that is sent again", () => {
  test("is a new one with the stored body and settings, in the transaction that closes the entry", () => {
    const row = envelopeRow({ labels: ["l"], retryDelay: "5", endpointName: "e", topicName: "t" });
    const state = { deadMessage: deadMessageRow(), envelopeRow: row, gates: gates() };
    const transition = decideRetryDeadMessage(state, command, contextAt());
    const [envelope] = insertsInto(transition, "envelopes");
    const [message] = insertsInto(transition, "messages");
    const { messageKey } = transition.answer;
    expect(envelope).toMatchObject({ key: messageKey, url: row.url, body: row.body });
    expect(parseEnvelope(envelope?.config ?? "")).toEqual({
      ...parseEnvelope(row.config),
      notBefore: NOW,
    });
    expect(message).toMatchObject({ key: messageKey, kind: "plain", retried: 0, state: "active" });
    expect(insertsInto(transition, "logs")).toMatchObject([{ messageKey }]);
    expect(insertsInto(transition, "dedups")).toEqual([]);
    expect(updateOf(transition, "deadMessages")).toEqual({
      state: "retried",
      closedAt: NOW,
      nextMessageKey: messageKey,
    });
  });

  test("makes the gates that it names, when they are missing", () => {
    const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
    const row = envelopeRow({ queueName: "q", flowControl });
    const state = { deadMessage: deadMessageRow(), envelopeRow: row, gates: gates() };
    const transition = decideRetryDeadMessage(state, command, contextAt());
    expect(insertsInto(transition, "queues")).toMatchObject([{ name: "q", openCount: 1 }]);
    expect(insertsInto(transition, "flowControls")).toMatchObject([{ name: "k" }]);
  });

  test.each([
    ["there is none", null, envelopeRow()],
    ["its envelope is gone", deadMessageRow(), null],
    ["it is closed", deadMessageRow({ state: "deleted" }), envelopeRow()],
  ])("is refused when %s", (_, deadMessage, row) => {
    const act = () =>
      decideRetryDeadMessage(
        { deadMessage, envelopeRow: row, gates: gates() },
        command,
        contextAt(),
      );
    expect(act).toThrow(expect.toSatisfy(isNotFound));
  });
});

function isNotFound(error: unknown): boolean {
  return isRepriseError(error) && error.code === "dead_letter_not_found";
}

describe("settings of the new message", () => {
  const callback = { url: "https://app.test/done", method: "POST", headers: {} };
  const stored: Envelope = {
    method: "PUT",
    headers: { "x-a": "1" },
    retries: 2,
    notBefore: 1,
    callerIp: "192.0.2.1",
    labels: ["old"],
    callback,
    queueName: "q",
  };

  test("are the stored ones but for what is given", () => {
    expect(retryEnvelope(stored, { notBefore: 9, retries: 0, labels: ["new"] })).toEqual({
      ...stored,
      notBefore: 9,
      retries: 0,
      labels: ["new"],
    });
  });

  test("of a report bring neither a report about it nor the place of its source", () => {
    const { callback: _, ...report } = { ...stored, callbackOf: 3 };
    const made = retryEnvelope(report, {
      notBefore: 9,
      retries: 5,
      callback,
      failureCallback: callback,
    });
    const { queueName, ...expected } = { ...report, notBefore: 9, retries: 5 };
    expect(made).toEqual(expected);
    expect(queueName).toBe("q");
  });
});
