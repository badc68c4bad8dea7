import type { ErrorCode } from "@reprise/protocol";

/** What to do about a refusal; the server says what is wrong. */
export const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  unauthorized: "QSTASH_TOKEN must be a token of the server at QSTASH_URL",
  forbidden: "QSTASH_TOKEN must be a token with a wider scope; see: reprise tokens list",
  run_not_found: "see: reprise runs list",
  message_not_found: "see: reprise logs",
  dead_letter_not_found: "see: reprise dlq list",
  queue_not_found: "see: reprise queues list",
  schedule_not_found: "see: reprise schedules list",
  url_group_not_found: "see: reprise url-groups list",
  flow_control_not_found: "see: reprise flow-control list",
  bulk_action_not_found: "see: reprise bulk-actions list",
  token_not_found: "see: reprise tokens list",
};
