import { isJsonObject } from "@reprise/protocol";
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
  readList,
  readWhole,
  splitUrls,
} from "./parameters.ts";
import { readJson } from "./views/content.ts";

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
      { type: "in", column: "kind", values: ["plain", "callback"] },
      { type: "in", column: "state", values: ["scheduled", "waiting", "active"] },
      ...dateCondition<"messages">(parameters),
      ...anyOf<"messages">("topicName", readList(parameters, "topicName")),
      ...anyOf<"messages">("queueName", readList(parameters, "queueName")),
      ...anyOf<"messages">("url", readList(parameters, "url", splitUrls)),
      ...labelCondition<"messages">(parameters),
      ...anyOf<"messages">("flowControlKey", readList(parameters, "flowControlKey")),
      ...anyOf<"messages">("scheduleId", readList(parameters, "scheduleId")),
      ...anyOf<"messages">("callerIp", lists(parameters, ["callerIp", "callerIP"])),
    ],
    matches: urlParts(parameters),
    countMax: readWhole(parameters, "count", 1),
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
