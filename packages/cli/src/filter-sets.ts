// Which filters the API has for what, and how it names them.

import {
  CALLBACK_STATES,
  LOG_STATES,
  OPEN_MESSAGE_STATES,
  RUN_STATES,
  type StepState,
} from "@reprise/protocol";
import type { FilterSet } from "./filters.ts";

const SHARED = {
  label: "label",
  flowControlKey: "flowControlKey",
  callerIp: "callerIp",
  from: "fromDate",
  to: "toDate",
} as const;

const OF_MESSAGES = {
  ...SHARED,
  url: "url",
  queue: "queueName",
  urlGroup: "topicName",
  schedule: "scheduleId",
} as const;

const STEP_STATES: readonly StepState[] = [
  "STEP_PROGRESS",
  "STEP_SUCCESS",
  "STEP_RETRY",
  "STEP_FAILED",
  "STEP_CANCELED",
];

const PARTS_OF_URLS = { host: "host", path: "path" } as const;

const OF_RUNS = {
  ...SHARED,
  ...PARTS_OF_URLS,
  url: "workflowUrl",
  runId: "workflowRunId",
  createdAt: "workflowCreatedAt",
  messageId: "messageId",
  state: "state",
} as const;

export const runFilters: FilterSet = {
  parameters: { ...OF_RUNS, stuck: "stuck" },
  state: {
    description: "in this state: started, success, failed or canceled",
    states: RUN_STATES,
  },
};

/** What a cancel chooses by. The wire has one parameter for whole URLs and for their beginnings. */
export const cancelRunFilters: FilterSet = {
  parameters: { ...SHARED, ...PARTS_OF_URLS, url: "workflowUrl", urlPrefix: "workflowUrl" },
};

/** Events of runs; `--state` is about the event. */
export const runEventFilters: FilterSet = {
  parameters: OF_RUNS,
  state: {
    description: "about this: progress, retry, step_success, step_failed, run_failed, ...",
    states: [...STEP_STATES, ...RUN_STATES],
  },
};

/** Dead letters of runs. A run that has nobody to tell has the state `NONE`. */
export const deadRunFilters: FilterSet = {
  parameters: {
    ...SHARED,
    url: "workflowUrl",
    runId: "workflowRunId",
    createdAt: "workflowCreatedAt",
    messageId: "messageId",
    group: "groupId",
    status: "responseStatus",
    state: "failureFunctionState",
  },
  state: {
    description:
      "with the failure function in this state: inprogress, success, fail, canceled, or none without one",
    states: [...CALLBACK_STATES, "NONE"],
  },
};

/** Dead letters of messages without a run. */
export const deadMessageFilters: FilterSet = {
  parameters: {
    ...OF_MESSAGES,
    messageId: "messageId",
    group: "groupId",
    status: "responseStatus",
  },
};

/** Messages that have not ended. */
export const openMessageFilters: FilterSet = {
  parameters: { ...OF_MESSAGES, ...PARTS_OF_URLS },
};

/** The list of them has one filter more than their cancel. */
export const listedMessageFilters: FilterSet = {
  parameters: { ...openMessageFilters.parameters, state: "state" },
  state: {
    description: "in this state: scheduled, waiting, active or requested (its cancel)",
    states: OPEN_MESSAGE_STATES,
  },
};

export const logFilters: FilterSet = {
  parameters: { ...OF_MESSAGES, ...PARTS_OF_URLS, messageId: "messageId", state: "state" },
  state: {
    description: "about this: created, active, delivered, error, retry, failed or canceled",
    states: LOG_STATES,
  },
};
