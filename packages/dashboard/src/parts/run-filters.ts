import { type FilterField, spanFields } from "../filters/fields.ts";

/** What runs can be filtered by, as `GET /v2/workflows/logs` takes it. */
export const RUN_FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "state of the run",
    parameter: "state",
    choices: [
      { value: "running", sent: "RUN_STARTED" },
      { value: "succeeded", sent: "RUN_SUCCESS" },
      { value: "failed", sent: "RUN_FAILED" },
      { value: "cancelled", sent: "RUN_CANCELED" },
    ],
  },
  {
    key: "workflow",
    title: "URL of the workflow",
    parameter: "workflowUrl",
    pattern: /^https?:\/\/\S+$/,
  },
  { key: "host", title: "host of the workflow", parameter: "host" },
  { key: "path", title: "path of the workflow", parameter: "path", pattern: /^\/\S*$/ },
  { key: "label", title: "label of the run", parameter: "label" },
  { key: "id", title: "id of the run", parameter: "workflowRunId", pattern: /^wfr_\S+$/ },
  { key: "message", title: "message of the run", parameter: "messageId", pattern: /^msg_\S+$/ },
  { key: "flow", title: "flow-control key", parameter: "flowControlKey" },
  { key: "ip", title: "address that it was triggered from", parameter: "callerIp" },
  ...spanFields("created"),
  {
    key: "stuck",
    title: "nothing can wake it any more",
    parameter: "stuck",
    kind: "flag",
    isSingle: true,
  },
];
