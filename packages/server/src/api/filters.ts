import {
  CALLBACK_STATES,
  messageKey,
  RUN_STATES,
  type RunState as WireRunState,
} from "@reprise/protocol";
import type { RunState, TableName } from "../core/rows.ts";
import type { Column, Condition } from "../store/store.ts";
import {
  invalid,
  type Parameters,
  readList,
  readOneOf,
  readText,
  readWhole,
  splitUrls,
  toWhole,
} from "./parameters.ts";

/** Reads filters into conditions of the store: several values of one filter are alternatives, several filters all hold. */

/** Asks for dead letters whose run had no failure function or URL; the official clients have no word for it. */
export const NO_CALLBACK_STATE = "NONE";

/** Filters of dead letters, with the older names of some. */
export const DEAD_LETTER_FILTERS: readonly string[] = [
  "fromDate",
  "toDate",
  "workflowUrl",
  "url",
  "workflowRunId",
  "workflowCreatedAt",
  "label",
  "failureFunctionState",
  "failureCallbackState",
  "callerIp",
  "callerIP",
  "flowControlKey",
  "responseStatus",
  "messageId",
  "groupId",
];

/** @throws RepriseError `invalid_query` that names the filter, its fault and what is allowed. */
export function deadLetterConditions(parameters: Parameters): readonly Condition<"deadLetters">[] {
  for (const name of ["host", "path"]) {
    if (parameters.has(name)) {
      throw invalid(name, "is no filter of dead letters; use workflowUrl with the whole URL");
    }
  }
  const states = [
    ...(readCallbackStates(parameters, "failureFunctionState") ?? []),
    ...(readCallbackStates(parameters, "failureCallbackState") ?? []),
  ];
  return [
    { type: "in", column: "state", values: ["open"] },
    ...dateCondition<"deadLetters">(parameters),
    ...anyOf<"deadLetters">("url", lists(parameters, ["workflowUrl", "url"], splitUrls)),
    ...anyOf<"deadLetters">("runId", readList(parameters, "workflowRunId")),
    ...anyOf<"deadLetters">("runCreatedAt", readWholes(parameters, "workflowCreatedAt")),
    ...labelCondition<"deadLetters">(parameters),
    ...anyOf<"deadLetters">("callbackState", states.length === 0 ? null : states),
    ...anyOf<"deadLetters">("callerIp", lists(parameters, ["callerIp", "callerIP"])),
    ...anyOf<"deadLetters">("flowControlKey", readList(parameters, "flowControlKey")),
    ...anyOf<"deadLetters">("responseStatus", readWholes(parameters, "responseStatus")),
    ...anyOf<"deadLetters">("messageKey", readMessageKeys(parameters)),
    ...anyOf<"deadLetters">("groupId", readList(parameters, "groupId")),
  ];
}

function readCallbackStates(
  parameters: Parameters,
  name: string,
): readonly (string | null)[] | null {
  const states = readOneOf(parameters, name, [...CALLBACK_STATES, NO_CALLBACK_STATE]);
  return states?.map((state) => (state === NO_CALLBACK_STATE ? null : state)) ?? null;
}

/** Which runs are meant: conditions for the store, and what it cannot compare. */
export interface RunSelection {
  readonly conditions: readonly Condition<"runs">[];
  /** What a column does not hold: parts of the URL. Null when the conditions say everything. */
  readonly matches: ((run: { readonly url: string }) => boolean) | null;
}

/** Filters that every request about runs takes. */
const SHARED_RUN_FILTERS: readonly string[] = [
  "workflowUrl",
  "fromDate",
  "toDate",
  "label",
  "callerIp",
  "callerIP",
  "flowControlKey",
  "host",
  "path",
];

export const CANCEL_FILTERS: readonly string[] = SHARED_RUN_FILTERS;

/** @throws RepriseError `invalid_query`. */
export function cancelSelection(parameters: Parameters): RunSelection {
  const urls = readList(parameters, "workflowUrl", splitUrls);
  const isExact = readBoolean(parameters, "workflowUrlExactMatch") ?? false;
  const shared = sharedConditions(parameters);
  const parts = urlParts(parameters);
  if (urls === null || isExact) {
    return { conditions: [...anyOf<"runs">("url", urls), ...shared], matches: parts };
  }
  const [prefix, ...others] = urls;
  if (prefix !== undefined && others.length === 0) {
    return { conditions: [{ type: "prefix", column: "url", prefix }, ...shared], matches: parts };
  }
  return {
    conditions: shared,
    matches: (run) =>
      urls.some((start) => run.url.startsWith(start)) && (parts === null || parts(run)),
  };
}

const RUN_STATE_COLUMN: Readonly<Record<WireRunState, RunState>> = {
  RUN_STARTED: "started",
  RUN_SUCCESS: "succeeded",
  RUN_FAILED: "failed",
  RUN_CANCELED: "canceled",
};

/** Filters of the logs, but for `state`, which means other things for runs and for events. @throws RepriseError `invalid_query`. */
export function logSelection(parameters: Parameters): RunSelection {
  return {
    conditions: [
      ...anyOf<"runs">("url", readList(parameters, "workflowUrl", splitUrls)),
      ...anyOf<"runs">("id", readList(parameters, "workflowRunId")),
      ...runIdPrefix(parameters),
      ...anyOf<"runs">("createdAt", readWholes(parameters, "workflowCreatedAt")),
      ...sharedConditions(parameters),
    ],
    matches: urlParts(parameters),
  };
}

function runIdPrefix(parameters: Parameters): readonly Condition<"runs">[] {
  const prefix = readText(parameters, "workflowRunIdPrefix");
  return prefix === null ? [] : [{ type: "prefix", column: "id", prefix }];
}

/** @throws RepriseError `invalid_query`. */
export function runStateCondition(parameters: Parameters): readonly Condition<"runs">[] {
  const states = readOneOf(parameters, "state", RUN_STATES);
  // `readOneOf` lets only wire states pass.
  const columns = states?.map((state) => RUN_STATE_COLUMN[state as WireRunState]) ?? null;
  return anyOf<"runs">("state", columns);
}

function sharedConditions(parameters: Parameters): readonly Condition<"runs">[] {
  return [
    ...dateCondition<"runs">(parameters),
    ...labelCondition<"runs">(parameters),
    ...anyOf<"runs">("callerIp", lists(parameters, ["callerIp", "callerIP"])),
    ...anyOf<"runs">("flowControlKey", readList(parameters, "flowControlKey")),
  ];
}

/** Parts of the URL, which no column holds; null when none is asked for. */
export function urlParts(parameters: Parameters): RunSelection["matches"] {
  const hosts = readList(parameters, "host")?.map((host) => host.toLowerCase()) ?? null;
  const paths = readList(parameters, "path");
  if (hosts === null && paths === null) return null;
  return ({ url }) => {
    if (!URL.canParse(url)) return false;
    const { host, hostname, pathname } = new URL(url);
    const isHost = hosts === null || hosts.includes(host) || hosts.includes(hostname);
    return isHost && (paths === null || paths.includes(pathname));
  };
}

/** The messages that are asked for, as row keys; an id that is none of ours has no row. */
export function readMessageKeys(parameters: Parameters): readonly number[] | null {
  const ids = readList(parameters, "messageId");
  if (ids === null) return null;
  return ids.map(messageKey).filter((key) => key !== null);
}

/** @throws RepriseError `invalid_query`. */
export function readBoolean(parameters: Parameters, name: string): boolean | null {
  const text = readText(parameters, name);
  if (text === null) return null;
  const value = text.toLowerCase();
  if (value === "true" || value === "false") return value === "true";
  throw invalid(name, "must be true or false");
}

type Row = "runs" | "deadLetters" | "messages" | "deadMessages";

export function dateCondition<T extends Row & TableName>(
  parameters: Parameters,
): readonly Condition<T>[] {
  const from = readWhole(parameters, "fromDate", 0);
  const to = readWhole(parameters, "toDate", 0);
  if (from === null && to === null) return [];
  if (from !== null && to !== null && from > to) {
    throw invalid("fromDate", `must not be after toDate, got ${from} and ${to}`);
  }
  return [
    {
      type: "range",
      // All of these tables have this column.
      column: "createdAt" as Column<T>,
      ...(from === null ? {} : { from }),
      ...(to === null ? {} : { to }),
    },
  ];
}

export function labelCondition<T extends Row & TableName>(
  parameters: Parameters,
): readonly Condition<T>[] {
  const values = readList(parameters, "label");
  // All of these tables have this column.
  return values === null ? [] : [{ type: "contains", column: "labels" as Column<T>, values }];
}

export function anyOf<T extends TableName>(
  column: Column<T>,
  values: readonly (string | number | null)[] | null,
): readonly Condition<T>[] {
  return values === null ? [] : [{ type: "in", column, values }];
}

/** The values of a filter that has two names. */
export function lists(
  parameters: Parameters,
  names: readonly string[],
  split?: (text: string) => readonly string[],
): readonly string[] | null {
  const found = names
    .map((name) => readList(parameters, name, split))
    .filter((list) => list !== null);
  return found.length === 0 ? null : found.flat();
}

export function readWholes(parameters: Parameters, name: string): readonly number[] | null {
  return readList(parameters, name)?.map((text) => toWhole(name, text, 0)) ?? null;
}
