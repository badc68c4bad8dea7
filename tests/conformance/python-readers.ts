/** The parsers of the Python client, as strict as it is: what it indexes must be there, what it makes an enum of must be a member. */

type Fields = Readonly<Record<string, unknown>>;

/** A dictionary of an answer. */
export function dict(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`not a dict: ${JSON.stringify(value)}`);
  }
  // Just checked; what is in it is asked for by the readers below.
  return value as Fields;
}

/** `response["name"]`, which throws when the name is missing. */
export function present(fields: Fields, name: string): unknown {
  if (!(name in fields)) throw new ReferenceError(`KeyError: ${name}`);
  return fields[name];
}

export function text(fields: Fields, name: string): string {
  const value = present(fields, name);
  if (typeof value === "string") return value;
  throw new TypeError(`${name} is no str: ${JSON.stringify(value)}`);
}

export function whole(fields: Fields, name: string): number {
  const value = present(fields, name);
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new TypeError(`${name} is no int: ${JSON.stringify(value)}`);
}

function flag(fields: Fields, name: string): boolean {
  const value = present(fields, name);
  if (typeof value === "boolean") return value;
  throw new TypeError(`${name} is no bool: ${JSON.stringify(value)}`);
}

/** `Enum(response["name"])`: throws for what is no member. */
function member<T extends string>(fields: Fields, name: string, members: readonly T[]): T {
  const value = present(fields, name);
  const found = members.find((one) => one === value);
  if (found === undefined) throw new RangeError(`${JSON.stringify(value)} is no member`);
  return found;
}

/** `response.get("name")`: absent is None. */
function optional<T>(
  read: (fields: Fields, name: string) => T,
  fields: Fields,
  name: string,
): T | undefined {
  return fields[name] === undefined ? undefined : read(fields, name);
}

export const listOf = <T>(value: unknown, read: (item: unknown) => T): readonly T[] => {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value.map(read);
};

export interface PublishResponse {
  readonly messageId: string;
  readonly url: string | undefined;
  readonly deduplicated: boolean;
}

/** A URL gets a dict, a URL group a list whose elements must have a URL. */
export function readPublish(value: unknown): PublishResponse | readonly PublishResponse[] {
  if (Array.isArray(value)) return value.map((item) => readOne(item, true));
  return readOne(value, false);
}

function readOne(value: unknown, isUrlIndexed: boolean): PublishResponse {
  const reading = dict(value);
  return {
    messageId: text(reading, "messageId"),
    url: isUrlIndexed ? text(reading, "url") : optional(text, reading, "url"),
    deduplicated: optional(flag, reading, "deduplicated") ?? false,
  };
}

export function readBatch(value: unknown) {
  return listOf(value, readPublish);
}

/** None without a key; the numbers are None when the message did not say. */
function readFlowControl(reading: Fields) {
  const key = optional(text, reading, "flowControlKey");
  if (key === undefined) return undefined;
  return {
    key,
    parallelism: optional(whole, reading, "parallelism"),
    rate: optional(whole, reading, "rate"),
    period: whole(reading, "period"),
  };
}

function readHeaderMap(value: unknown): Readonly<Record<string, readonly string[]>> | undefined {
  if (value === undefined) return undefined;
  for (const [name, list] of Object.entries(new Object(value))) {
    listOf(list, (item) => {
      if (typeof item !== "string") throw new TypeError(`${name} is no list of texts`);
    });
  }
  // Just checked.
  return value as Readonly<Record<string, readonly string[]>>;
}

export function readMessage(value: unknown) {
  const reading = dict(value);
  return {
    messageId: text(reading, "messageId"),
    url: text(reading, "url"),
    urlGroup: optional(text, reading, "topicName"),
    endpoint: optional(text, reading, "endpointName"),
    queue: optional(text, reading, "queueName"),
    body: optional(text, reading, "body"),
    bodyBase64: optional(text, reading, "bodyBase64"),
    method: text(reading, "method"),
    headers: readHeaderMap(reading.header),
    callbackHeaders: readHeaderMap(reading.callbackHeader),
    failureCallbackHeaders: readHeaderMap(reading.failureCallbackHeader),
    scheduleId: optional(text, reading, "scheduleId"),
    callback: optional(text, reading, "callback"),
    failureCallback: optional(text, reading, "failureCallback"),
    callerIp: optional(text, reading, "callerIP"),
    maxRetries: whole(reading, "maxRetries"),
    notBefore: whole(reading, "notBefore"),
    createdAt: whole(reading, "createdAt"),
    label: optional(text, reading, "label"),
    retryDelayExpression: optional(text, reading, "retryDelayExpression"),
    flowControl: readFlowControl(reading),
  };
}

export function readDeadMessage(value: unknown) {
  const reading = dict(value);
  return {
    ...readMessage(value),
    dlqId: text(reading, "dlqId"),
    responseStatus: whole(reading, "responseStatus"),
    responseHeaders: readHeaderMap(reading.responseHeader),
    responseBody: optional(text, reading, "responseBody"),
    responseBodyBase64: optional(text, reading, "responseBodyBase64"),
  };
}

export function readDeadMessages(value: unknown) {
  const reading = dict(value);
  return {
    messages: listOf(present(reading, "messages"), readDeadMessage),
    cursor: optional(text, reading, "cursor"),
  };
}

const LOG_STATES = [
  ...(["CREATED", "ACTIVE", "RETRY", "ERROR", "IN_PROGRESS", "DELIVERED", "FAILED"] as const),
  ...(["CANCEL_REQUESTED", "CANCELED"] as const),
];

function readLog(value: unknown) {
  const reading = dict(value);
  return {
    time: whole(reading, "time"),
    messageId: text(reading, "messageId"),
    state: member(reading, "state", LOG_STATES),
    url: text(reading, "url"),
    error: optional(text, reading, "error"),
    nextDeliveryTime: optional(whole, reading, "nextDeliveryTime"),
    queue: optional(text, reading, "queueName"),
    bodyBase64: optional(text, reading, "body"),
    headers: readHeaderMap(reading.header),
    responseStatus: optional(whole, reading, "responseStatus"),
    responseHeaders: readHeaderMap(reading.responseHeader),
    responseBody: optional(text, reading, "responseBody"),
    timeout: optional(whole, reading, "timeout"),
    method: optional(text, reading, "method"),
    retryDelayExpr: optional(text, reading, "retryDelayExpr"),
    label: optional(text, reading, "label"),
    flowControl: readFlowControl(reading),
  };
}

export function readLogs(value: unknown) {
  const reading = dict(value);
  return {
    logs: listOf(present(reading, "events"), readLog),
    cursor: optional(text, reading, "cursor"),
  };
}

export function readQueue(value: unknown) {
  const reading = dict(value);
  return {
    name: text(reading, "name"),
    createdAt: whole(reading, "createdAt"),
    updatedAt: whole(reading, "updatedAt"),
    parallelism: whole(reading, "parallelism"),
    lag: whole(reading, "lag"),
    paused: flag(reading, "paused"),
  };
}

export const readQueues = (value: unknown) => listOf(value, readQueue);

const SCHEDULE_STATES = ["IN_PROGRESS", "SUCCESS", "FAIL"] as const;

export function readSchedule(value: unknown) {
  const reading = dict(value);
  const states = reading.lastScheduleStates;
  for (const id of Object.keys(new Object(states))) member(dict(states), id, SCHEDULE_STATES);
  return {
    scheduleId: text(reading, "scheduleId"),
    destination: text(reading, "destination"),
    cron: text(reading, "cron"),
    createdAt: whole(reading, "createdAt"),
    method: text(reading, "method"),
    retries: whole(reading, "retries"),
    paused: flag(reading, "isPaused"),
    body: optional(text, reading, "body"),
    headers: readHeaderMap(reading.header),
    delay: optional(whole, reading, "delay"),
    timeout: optional(whole, reading, "timeout"),
    callback: optional(text, reading, "callback"),
    queue: optional(text, reading, "queueName"),
    callerIp: optional(text, reading, "callerIP"),
    lastScheduleTime: optional(whole, reading, "lastScheduleTime"),
    nextScheduleTime: optional(whole, reading, "nextScheduleTime"),
    error: optional(text, reading, "error"),
    label: optional(text, reading, "label"),
    retryDelayExpression: optional(text, reading, "retryDelayExpression"),
    flowControl: readFlowControl(reading),
  };
}

export const readSchedules = (value: unknown) => listOf(value, readSchedule);

export function readUrlGroup(value: unknown) {
  const reading = dict(value);
  return {
    name: text(reading, "name"),
    createdAt: whole(reading, "createdAt"),
    updatedAt: whole(reading, "updatedAt"),
    endpoints: listOf(present(reading, "endpoints"), (endpoint) => {
      const one = dict(endpoint);
      return { url: text(one, "url"), name: optional(text, one, "name") };
    }),
  };
}

export const readUrlGroups = (value: unknown) => listOf(value, readUrlGroup);

export function readFlowControlInfo(value: unknown) {
  const reading = dict(value);
  const names = ["waitListSize", "parallelismMax", "parallelismCount", "rateMax", "rateCount"];
  const counts = [...names, "ratePeriod", "ratePeriodStart"].map(
    (name) => [name, optional(whole, reading, name) ?? 0] as const,
  );
  const flags = ["isPaused", "isPinnedParallelism", "isPinnedRate"].map(
    (name) => [name, optional(flag, reading, name) ?? false] as const,
  );
  return { key: text(reading, "flowControlKey"), ...Object.fromEntries([...counts, ...flags]) };
}

export function readGlobalParallelism(value: unknown) {
  const reading = dict(value);
  return {
    parallelismMax: optional(whole, reading, "parallelismMax") ?? 0,
    parallelismCount: optional(whole, reading, "parallelismCount") ?? 0,
  };
}

export function readKeys(value: unknown) {
  const reading = dict(value);
  return { current: text(reading, "current"), next: text(reading, "next") };
}

export const readCancelled = (value: unknown): number => whole(dict(value), "cancelled");

export const readDeleted = (value: unknown): number => whole(dict(value), "deleted");

export const readScheduleId = (value: unknown): string => text(dict(value), "scheduleId");
