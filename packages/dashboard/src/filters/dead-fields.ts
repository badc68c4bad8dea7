import { type FilterChoice, type FilterField, spanFields } from "./fields.ts";

/** What dead letters can be filtered by: exactly what lists, counts and bulk actions of the API take. */

/** States of the failure function, as they are typed and as the API names them. */
export const FAILURE_CALL_CHOICES: readonly FilterChoice[] = [
  { value: "none", sent: "NONE" },
  { value: "inprogress", sent: "CALLBACK_INPROGRESS" },
  { value: "success", sent: "CALLBACK_SUCCESS" },
  { value: "fail", sent: "CALLBACK_FAIL" },
  { value: "canceled", sent: "CALLBACK_CANCELED" },
];

const SHARED: readonly FilterField[] = [
  { key: "label", title: "label", parameter: "label" },
  {
    key: "status",
    title: "status of the last answer, 0 for none",
    parameter: "responseStatus",
    kind: "number",
  },
  ...spanFields("failed"),
  { key: "group", title: "group of failures", parameter: "groupId", pattern: /^grp_\w+$/ },
  {
    key: "message",
    title: "id of the failed message",
    parameter: "messageId",
    pattern: /^msg_\w+$/,
  },
  { key: "flow", title: "flow-control key", parameter: "flowControlKey" },
  { key: "caller", title: "address that sent it", parameter: "callerIp" },
];

export const DEAD_RUN_FIELDS: readonly FilterField[] = [
  {
    key: "workflow",
    title: "URL of the workflow",
    parameter: "workflowUrl",
    pattern: /^https?:\/\/\S+$/,
  },
  { key: "run", title: "id of the run", parameter: "workflowRunId", pattern: /^wfr_\S+$/ },
  {
    key: "function",
    title: "state of the failure function",
    parameter: "failureFunctionState",
    choices: FAILURE_CALL_CHOICES,
  },
  ...SHARED,
  {
    key: "created",
    title: "when the run was made, in milliseconds",
    parameter: "workflowCreatedAt",
    kind: "number",
  },
];

export const DEAD_MESSAGE_FIELDS: readonly FilterField[] = [
  { key: "url", title: "destination", parameter: "url", pattern: /^https?:\/\/\S+$/ },
  { key: "queue", title: "queue", parameter: "queueName" },
  { key: "urlgroup", title: "URL group", parameter: "topicName" },
  { key: "schedule", title: "id of the schedule", parameter: "scheduleId", pattern: /^scd_\S+$/ },
  ...SHARED,
];
