import { type FilterField, spanFields } from "./fields.ts";

/** What the audit log can be filtered by. */
export const AUDIT_FIELDS: readonly FilterField[] = [
  { key: "action", title: "method and path of the API", parameter: "action" },
  { key: "token", title: "name of the token", parameter: "tokenName" },
  ...spanFields("done"),
];
