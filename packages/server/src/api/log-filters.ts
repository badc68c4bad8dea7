import { LOG_STATES, type LogState, messageKey } from "@reprise/protocol";
import type { LogMoment } from "../core/rows.ts";
import {
  invalid,
  type Parameters,
  readList,
  readOneOf,
  readWhole,
  splitUrls,
} from "./parameters.ts";
import type { MessageView } from "./views/message.ts";
import { MOMENT_STATES } from "./views/message-log.ts";

/** Reads the filters of the log: several values of one are alternatives, several filters all hold. Unknown names are ignored. */

export interface LogSelection {
  /** Null asks for every message. */
  readonly messageKeys: readonly number[] | null;
  /** Null asks for every state. */
  readonly states: ReadonlySet<LogState> | null;
  /** Inclusive. */
  readonly from: number | null;
  /** Inclusive. */
  readonly to: number | null;
  /** Whether a message is asked for by what it was given; null when that does not matter. */
  readonly matches: ((view: MessageView) => boolean) | null;
}

/** @throws RepriseError `invalid_query` that names the filter, its fault and what is allowed. */
export function readLogSelection(parameters: Parameters): LogSelection {
  const from = readWhole(parameters, "fromDate", 0);
  const to = readWhole(parameters, "toDate", 0);
  if (from !== null && to !== null && from > to) {
    throw invalid("fromDate", `must not be after toDate, got ${from} and ${to}`);
  }
  return {
    messageKeys: readMessageKeys(parameters),
    states: readStates(parameters),
    from,
    to,
    matches: readMatches(parameters),
  };
}

/** An id that is none of ours has no row. */
function readMessageKeys(parameters: Parameters): readonly number[] | null {
  const lists = ["messageId", "messageIds"]
    .map((name) => readList(parameters, name))
    .filter((list) => list !== null);
  if (lists.length === 0) return null;
  const ids = lists.reduce((all, list) => all.filter((id) => list.includes(id)));
  return ids.map(messageKey).filter((key) => key !== null);
}

/** What filters say for several states, or spell otherwise. */
const STATE_ALIASES: Readonly<Record<string, readonly LogState[]>> = {
  IN_PROGRESS: ["ACTIVE", "ERROR", "RETRY"],
  CANCELLED: ["CANCELED"],
};

function readStates(parameters: Parameters): ReadonlySet<LogState> | null {
  const known = [...LOG_STATES, ...Object.keys(STATE_ALIASES)];
  const given = readOneOf(parameters, "state", known);
  if (given === null) return null;
  // `readOneOf` lets only states and their aliases pass.
  return new Set(given.flatMap((state) => STATE_ALIASES[state] ?? [state as LogState]));
}

/** The moments that show one of `states`. */
export function momentsOf(states: ReadonlySet<LogState>): readonly LogMoment[] {
  // The record has exactly the moments as its keys.
  const moments = Object.keys(MOMENT_STATES) as LogMoment[];
  return moments.filter((moment) => MOMENT_STATES[moment].some((state) => states.has(state)));
}

type Attribute = (view: MessageView) => string | readonly string[] | undefined;

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  topicName: ({ envelope }) => envelope.topicName,
  scheduleId: ({ envelope }) => envelope.scheduleId,
  queueName: ({ envelope }) => envelope.queueName,
  callerIp: ({ envelope }) => envelope.callerIp,
  callerIP: ({ envelope }) => envelope.callerIp,
  label: ({ envelope }) => envelope.labels,
  path: ({ row }) => urlOf(row.url)?.pathname,
  flowControlKey: ({ envelope }) => envelope.flowControl?.key,
};

function readMatches(parameters: Parameters): LogSelection["matches"] {
  const tests: ((view: MessageView) => boolean)[] = [];
  const add = (attribute: Attribute, values: readonly string[] | null) => {
    if (values === null) return;
    const wanted = new Set(values);
    tests.push((view) => [attribute(view) ?? []].flat().some((value) => wanted.has(value)));
  };
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
    add(attribute, readList(parameters, name));
  }
  add(({ row }) => row.url, readList(parameters, "url", splitUrls));
  add(hostsOf, readList(parameters, "host")?.map((host) => host.toLowerCase()) ?? null);
  return tests.length === 0 ? null : (view) => tests.every((test) => test(view));
}

/** The host of a destination, without its port and with it. */
function hostsOf({ row }: MessageView): readonly string[] {
  const url = urlOf(row.url);
  if (url === null) return [];
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return [url.hostname, `${url.hostname}:${port}`];
}

function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
