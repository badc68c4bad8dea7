import type { Recipient } from "./answer-wait.ts";
import { NOW, runConfig, runRow } from "./rows.suite.ts";
import type { WaitConfig } from "./wait.ts";
import type { WaitRow } from "./wait-rows.ts";

/** Waits for tests of the core. Each is complete; a test names only what it is about. */

export const target = {
  url: "https://app.test/api/order",
  own: { forward: { "upstash-workflow-sdk-version": "1" } },
  headers: { "Upstash-Workflow-Runid": ["wfr_test"] },
};

export function waitConfig(fields: Partial<WaitConfig> = {}): WaitConfig {
  return {
    step: { stepId: 2, stepName: "wait", stepType: "Wait", concurrent: 1 },
    concurrent: 1,
    result: target,
    ...fields,
  };
}

export function waitRow(fields: Partial<WaitRow> = {}): WaitRow {
  return {
    key: 40,
    runKey: 1,
    stepId: 2,
    kind: "event",
    state: "open",
    createdAt: NOW,
    endedAt: null,
    dueAt: NOW + 60_000,
    eventId: "paid",
    requestKey: null,
    childRunKey: null,
    config: JSON.stringify(waitConfig()),
    body: null,
    answer: null,
    ...fields,
  };
}

export function recipient(fields: Partial<Recipient> = {}): Recipient {
  return {
    wait: waitRow(),
    run: runRow({ stepCount: 2 }),
    config: runConfig(),
    deadLetter: null,
    recorded: null,
    plan: null,
    ...fields,
  };
}
