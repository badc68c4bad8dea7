import { LOG_STATES } from "@reprise/protocol";
import type { FilterField } from "./fields.ts";
import { OPEN_MESSAGE_FIELDS } from "./open-message-fields.ts";

/** What the log of messages can be filtered by. */
export const LOG_FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "what happened",
    parameter: "state",
    choices: LOG_STATES.map((sent) => ({ value: sent.toLowerCase(), sent })),
  },
  { key: "id", title: "id of the message", parameter: "messageId", pattern: /^msg_\S+$/ },
  ...OPEN_MESSAGE_FIELDS.filter(({ key }) => key !== "state"),
];
