import { isJsonObject, messageKey, OPEN_MESSAGE_STATES } from "@reprise/protocol";
import type { MessageSelection } from "../engine/bulk-runner.ts";
import type { Condition } from "../store/store.ts";
import {
  anyOf,
  dateCondition,
  labelCondition,
  lists,
  readMessageKeys,
  readWholes,
  urlParts,
} from "./filters.ts";
import {
  type Given,
  invalid,
  type Parameters,
  readIds,
  readList,
  readOneOf,
  readWhole,
  splitUrls,
} from "./parameters.ts";
import { readJson } from "./views/content.ts";
import { OPEN_STATES } from "./views/waiting.ts";

/** Reads filters of open and dead messages: several values of one are alternatives, several filters all hold. */

/** Filters of open messages. */
export const MESSAGE_FILTERS: readonly string[] = [
  "topicName",
  "queueName",
  "url",
  "host",
  "path",
  "label",
  "flowControlKey",
  "scheduleId",
  "callerIp",
  "callerIP",
  "fromDate",
  "toDate",
];

/** Open messages without a run that nobody has cancelled. @throws RepriseError `invalid_query`. */
export function messageSelection(parameters: Parameters): MessageSelection {
  return {
    conditions: [
      WITHOUT_RUN,
      { type: "in", column: "state", values: ["scheduled", "waiting", "active"] },
      ...givenConditions(parameters),
    ],
    matches: urlParts(parameters),
    countMax: readWhole(parameters, "count", 1),
  };
}

const WITHOUT_RUN: Condition<"messages"> = {
  type: "in",
  column: "kind",
  values: ["plain", "callback"],
};

/** What the filters say that columns hold. */
function givenConditions(parameters: Parameters): readonly Condition<"messages">[] {
  return [
    ...dateCondition<"messages">(parameters),
    ...anyOf<"messages">("topicName", readList(parameters, "topicName")),
    ...anyOf<"messages">("queueName", readList(parameters, "queueName")),
    ...anyOf<"messages">("url", readList(parameters, "url", splitUrls)),
    ...labelCondition<"messages">(parameters),
    ...anyOf<"messages">("flowControlKey", readList(parameters, "flowControlKey")),
    ...anyOf<"messages">("scheduleId", readList(parameters, "scheduleId")),
    ...anyOf<"messages">("callerIp", lists(parameters, ["callerIp", "callerIP"])),
  ];
}

/** Which open messages a list shows. */
export interface OpenSelection extends Omit<MessageSelection, "countMax"> {
  /** Asked for by their ids: there are few, wherever they lie. */
  readonly isNamed: boolean;
}

/**
 * Open messages without a run, also those whose last attempt goes on although they have been cancelled. Ids win over every filter.
 * @throws RepriseError `invalid_query`.
 */
export function openSelection(parameters: Parameters): OpenSelection {
  const ids = readIds(parameters, "messageIds");
  if (ids !== null) {
    const keys = ids.map(messageKey).filter((key) => key !== null);
    const named: Condition<"messages"> = { type: "in", column: "key", values: keys };
    return { conditions: [WITHOUT_RUN, named], matches: null, isNamed: true };
  }
  const states = readOneOf(parameters, "state", OPEN_MESSAGE_STATES) ?? OPEN_MESSAGE_STATES;
  const values = Object.entries(OPEN_STATES).flatMap(([state, name]) =>
    states.includes(name) ? [state] : [],
  );
  return {
    conditions: [
      WITHOUT_RUN,
      { type: "in", column: "state", values },
      ...givenConditions(parameters),
    ],
    matches: urlParts(parameters),
    isNamed: false,
  };
}

/** What a bulk action keeps of its parameters. Equal filters are equal texts. */
export function toFilter(parameters: Parameters): string {
  const names = ["count", ...MESSAGE_FILTERS].filter((name) => parameters.has(name)).toSorted();
  const filter: Record<string, readonly string[]> = {};
  for (const name of names) {
    const split = name === "url" ? splitUrls : undefined;
    filter[name] = readList(parameters, name, split)?.toSorted() ?? [];
  }
  return JSON.stringify(filter);
}

/** What a bulk action was started with: name of a filter -> its values. */
export function readFilter(filter: string): Readonly<Record<string, readonly string[]>> {
  const value = readJson(filter);
  if (!isJsonObject(value)) return {};
  const read: Record<string, readonly string[]> = {};
  for (const [name, values] of Object.entries(value)) {
    if (Array.isArray(values)) read[name] = values.map(String);
  }
  return read;
}

/**
 * What a bulk action goes on with.
 * @throws RepriseError when the filter cannot be read: half a filter would select more than was meant.
 */
export function selectionOf(filter: string): MessageSelection {
  const value = readJson(filter);
  if (!isJsonObject(value)) throw invalid("filter", "cannot be read");
  const parameters = new Map<string, Given>();
  for (const [name, values] of Object.entries(value)) {
    const isKnown = name === "count" || MESSAGE_FILTERS.includes(name);
    if (!isKnown || !Array.isArray(values)) throw invalid(name, "is no filter of this version");
    parameters.set(name, { texts: values.map(String), isExact: true });
  }
  return messageSelection(parameters);
}

/** Filters of dead messages. */
export const DEAD_MESSAGE_FILTERS: readonly string[] = [
  "messageId",
  "groupId",
  "url",
  "topicName",
  "scheduleId",
  "queueName",
  "callerIp",
  "callerIP",
  "responseStatus",
  "label",
  "flowControlKey",
  "fromDate",
  "toDate",
];

/** @throws RepriseError `invalid_query` that names the filter, its fault and what is allowed. */
export function deadMessageConditions(
  parameters: Parameters,
): readonly Condition<"deadMessages">[] {
  for (const name of ["host", "path"]) {
    if (parameters.has(name)) {
      throw invalid(name, "is no filter of the dead letter queue; use url with the whole URL");
    }
  }
  return [
    { type: "in", column: "state", values: ["open"] },
    ...dateCondition<"deadMessages">(parameters),
    ...anyOf<"deadMessages">("messageKey", readMessageKeys(parameters)),
    ...anyOf<"deadMessages">("groupId", readList(parameters, "groupId")),
    ...anyOf<"deadMessages">("url", readList(parameters, "url", splitUrls)),
    ...anyOf<"deadMessages">("topicName", readList(parameters, "topicName")),
    ...anyOf<"deadMessages">("scheduleId", readList(parameters, "scheduleId")),
    ...anyOf<"deadMessages">("queueName", readList(parameters, "queueName")),
    ...anyOf<"deadMessages">("callerIp", lists(parameters, ["callerIp", "callerIP"])),
    ...anyOf<"deadMessages">("responseStatus", readWholes(parameters, "responseStatus")),
    ...labelCondition<"deadMessages">(parameters),
    ...anyOf<"deadMessages">("flowControlKey", readList(parameters, "flowControlKey")),
  ];
}
