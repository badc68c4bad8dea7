import { OPEN_MESSAGE_STATES } from "@reprise/protocol";
import { type FilterField, spanFields } from "./fields.ts";

/** What open messages can be filtered by. A cancel knows all of them but the state. */
export const OPEN_MESSAGE_FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "state",
    parameter: "state",
    choices: OPEN_MESSAGE_STATES.map((sent) => ({ value: sent.toLowerCase(), sent })),
  },
  { key: "url", title: "destination", parameter: "url", pattern: /^https?:\/\/\S+$/ },
  { key: "host", title: "host of the destination", parameter: "host" },
  { key: "path", title: "path of the destination", parameter: "path" },
  { key: "label", title: "label", parameter: "label" },
  { key: "queue", title: "queue", parameter: "queueName" },
  { key: "urlgroup", title: "URL group", parameter: "topicName" },
  { key: "schedule", title: "id of the schedule", parameter: "scheduleId", pattern: /^scd_\S+$/ },
  { key: "flow", title: "flow-control key", parameter: "flowControlKey" },
  { key: "caller", title: "address that sent it", parameter: "callerIp" },
  ...spanFields("created"),
];
