/** What can be done with dead letters, and where the API does it. */

import type { Query } from "../api/client.ts";

export type DeadQueue = "workflows" | "messages";
export type Verb = "resume" | "restart" | "retry" | "callback" | "delete";

/** The dead letters that are meant. */
export type What =
  | { readonly kind: "ids"; readonly dlqIds: readonly string[] }
  | { readonly kind: "filter"; readonly query: Query }
  | { readonly kind: "group"; readonly groupId: string };

export interface VerbText {
  readonly verb: Verb;
  readonly title: string;
  readonly explanation: string;
  /** As in `3 resumed`. */
  readonly past: string;
}

const RESUME: VerbText = {
  verb: "resume",
  title: "Resume",
  explanation:
    "Goes on from the failed step as a new run. Results of finished steps, sleeps and waits are kept.",
  past: "resumed",
};
const RESTART: VerbText = {
  verb: "restart",
  title: "Restart",
  explanation: "Begins again as a new run, with the same payload. No result is kept.",
  past: "restarted",
};
const CALLBACK: VerbText = {
  verb: "callback",
  title: "Re-run failure function",
  explanation:
    "Calls the failure function or failure URL once more, where that call has failed. The dead letter stays.",
  past: "called again",
};
const RETRY: VerbText = {
  verb: "retry",
  title: "Retry",
  explanation: "Sends the message again as a new one, with all its attempts.",
  past: "retried",
};
const DELETE: VerbText = {
  verb: "delete",
  title: "Delete",
  explanation: "Gives the failure up. It can no longer be recovered; this cannot be undone.",
  past: "deleted",
};

export const VERBS: Readonly<Record<DeadQueue, readonly VerbText[]>> = {
  workflows: [RESUME, RESTART, CALLBACK, DELETE],
  messages: [RETRY, DELETE],
};

export function verbText(queue: DeadQueue, verb: Verb): VerbText {
  const [first] = VERBS[queue];
  return VERBS[queue].find((text) => text.verb === verb) ?? first ?? DELETE;
}

export const QUEUE_PATH: Readonly<Record<DeadQueue, string>> = {
  workflows: "/v2/workflows/dlq",
  messages: "/v2/dlq",
};

interface Call {
  readonly method: "POST" | "DELETE";
  readonly path: string;
}

/** The request about one dead letter, and the one about many; the wire has no bulk form of the failure function. */
export function callOf(queue: DeadQueue, verb: Verb, dlqId?: string): Call {
  const tail = dlqId === undefined ? "" : `/${encodeURIComponent(dlqId)}`;
  if (verb === "delete") return { method: "DELETE", path: `${QUEUE_PATH[queue]}${tail}` };
  return { method: "POST", path: `${QUEUE_PATH[queue]}/${verb}${tail}` };
}

/** Whether the verb makes something new that can be given other settings. */
export const hasOverrides = (verb: Verb): boolean =>
  verb === "resume" || verb === "restart" || verb === "retry";

/** The filter that chooses them; null when they are named. */
export function filterOf(what: What, verb: Verb): Query | null {
  if (what.kind === "ids") return null;
  const query = what.kind === "group" ? { groupId: what.groupId } : what.query;
  // The server refuses other states, so a wider choice would contain what can only fail.
  return verb === "callback" ? { ...query, failureFunctionState: "CALLBACK_FAIL" } : query;
}

/** The filter up to an instant: what fails later was not counted and is not meant. */
export function upTo(query: Query, failedAt: number | null): Query {
  if (failedAt === null) return query;
  const { toDate } = query;
  const own = toDate === undefined || toDate === null || toDate === "" ? Infinity : Number(toDate);
  return { ...query, toDate: Math.min(own, failedAt) };
}

/** When a dead letter failed, which its id says. */
export function failedAtOf(dlqId: string): number | null {
  const text = /^(\d{1,16})-\d+$/.exec(dlqId)?.[1];
  return text === undefined ? null : Number(text);
}
