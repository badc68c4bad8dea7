import fc from "fast-check";

/** Texts that have broken parsers, and what a caller would really send, side by side. */

const HOSTILE = [
  ...["", " ", "\t", "0", "-1", "1e309", "NaN", "null", "undefined", "true", "[]", "{}", '"', "'"],
  ...[
    "../..",
    "..",
    ".",
    "%2e%2e",
    "%2F",
    "%00",
    "%",
    "%zz",
    "%C0%AF",
    "//",
    "\\",
    "?",
    "#",
    "&",
    "=",
  ],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"],
  ...[
    "' OR 1=1 --",
    '"; DROP TABLE messages; --',
    "%' OR '%'='",
    "_",
    "%%",
    "$(id)",
    "`id`",
    "{{7*7}}",
  ],
  ...["<script>alert(1)</script>", "javascript:alert(1)", "#{jndi:ldap://x}", "a,b", "a:b", "a;b"],
  ...["\u00e9", "\u00ff", "\u0080", "\u007f", "\u0000", "\u001b[31m", "\u00a0"],
  ...["\u6f22", "\u{1F600}", "\u202e", "\u200b", "\ufeff", "\ud800"],
  ...["9007199254740993", "99999999999999999999", "0x10", "1.5", "+1", "1,2", "\u0663"],
  ...["x".repeat(129), "x".repeat(257), "y".repeat(5_000), "a,".repeat(500), "(".repeat(600)],
  ...["process.exit()", "retried.constructor", "pow(9,pow(9,9))", "1/0", "* * * * * *", "CRON_TZ="],
];

/** Mostly known troublemakers, sometimes anything. */
export const hostile: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HOSTILE) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 24 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 200 }) },
);

/** A value that is fine, and in one of `outOf` cases one that is not. */
export function mostly(values: readonly [string, ...string[]], outOf = 6): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: outOf - 1, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: hostile },
  );
}

/** Stands for something that an earlier answer has shown; the number picks which. */
const found = (kind: string): fc.Arbitrary<string> =>
  fc.nat({ max: 99 }).map((index) => `{${kind}:${index}}`);

export const FOUND_KINDS = [
  "messageId",
  "dlqId",
  "scheduleId",
  "actionId",
  "cursor",
  "runId",
] as const;

export type FoundKind = (typeof FOUND_KINDS)[number];

export const idOf = (kind: FoundKind): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: found(kind) }, { weight: 1, arbitrary: hostile });

export const name = mostly(["q", "orders.1", "group", "A-b_c", "q2"]);
export const flowKey = mostly(["k", "a/b c", "k%2Fx", "pause"]);

/** `{sink}` stands for a server that answers. */
export const url = mostly([
  ...([
    "{sink}/ok",
    "{sink}/ok?a=1&b=%20",
    "{sink}/fail",
    "{sink}/later",
    "{sink}/never-again",
  ] as const),
  ...["http://name.test/x", "https://example.com//a", "http:/example.com", "http://[::1]:1/x"],
  ...["http://10.0.0.1/", "http://169.254.169.254/latest", "http://2130706433/", "http://a..b/"],
  ...["https%3A%2F%2Fexample.com%2F", "http://u:p@a.test/", "ftp://a.test", "http://a.test:0/"],
]);

export const destination = fc.oneof(
  { weight: 4, arbitrary: url },
  { weight: 1, arbitrary: name },
  { weight: 1, arbitrary: fc.constantFrom("api/llm", "", "?x", "group?upstash-retries=1") },
);

const flowValue = mostly([
  "rate=5",
  "parallelism=2, rate=10, period=1m",
  "parallelism=1",
  "rate=0",
]);
const expression = mostly([
  "1000",
  "pow(2, retried) * 1000",
  "2000 * retried",
  "min(1, 2) % 3",
  "-5",
]);
const date = mostly(["0", "1767225600000", "9999999999999", "-1"]);

/** Configuration of a message, each name with its values. */
const SETTINGS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  Method: mostly(["GET", "POST", "put", "DELETE", "TRACE"]),
  Delay: mostly(["1h", "0", "1d10h", "10", "2s", "400d"]),
  "Not-Before": mostly(["0", "1", "4102444800", "1767225600"]),
  Timeout: mostly(["1s", "1.5s", "10y", "5"]),
  Retries: mostly(["0", "1", "3", "100", "101"]),
  "Retry-Delay": expression,
  Callback: url,
  "Failure-Callback": url,
  "Callback-Retries": mostly(["0", "1"]),
  "Callback-Delay": mostly(["1s"]),
  "Callback-Method": mostly(["PUT"]),
  "Failure-Callback-Retries": mostly(["0"]),
  "Deduplication-Id": mostly(["d1", "d2", "a:b"]),
  "Content-Based-Deduplication": mostly(["true", "True", "false"]),
  Label: mostly(["a", "a,b", "l"]),
  "Flow-Control-Key": flowKey,
  "Flow-Control-Value": flowValue,
  "Redact-Fields": mostly(["body", "header", "header[X]", "body,header"]),
  "Queue-Name": name,
  Cron: mostly(["* * * * *", "0 9 * * 1", "CRON_TZ=Europe/Berlin 30 2 * * *", "@daily"]),
  "Schedule-Id": mostly(["s1", "s2"]),
  "Header-Forward": mostly(["true", "false"]),
  "Forward-X": hostile,
  "Forward-Upstash-Signature": hostile,
  "Forward-Content-Type": hostile,
  "Callback-Forward-X": hostile,
  "Workflow-Init": mostly(["true", "false"]),
  "Workflow-RunId": idOf("runId"),
  "Workflow-Url": url,
  "Workflow-Invoke": mostly(["true"]),
  "Workflow-CallType": mostly(["step", "toCallback", "fromCallback"]),
  "Workflow-Sdk-Version": mostly(["1"]),
  "Feature-Set": mostly(["LazyFetch,InitialBody", "WF_DetectTrigger"]),
  "Telemetry-Sdk": hostile,
  Unknown: hostile,
};

const FILTERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  count: mostly(["1", "10", "100", "0", "100000"]),
  cursor: idOf("cursor"),
  order: mostly(["earliestFirst", "latestFirst"]),
  messageId: idOf("messageId"),
  messageIds: idOf("messageId"),
  dlqIds: idOf("dlqId"),
  state: mostly(["CREATED", "IN_PROGRESS", "CANCELLED", "RUN_FAILED", "FINISHED"]),
  url,
  host: mostly(["example.com", "127.0.0.1"]),
  path: mostly(["/ok", "/x"]),
  label: mostly(["a", "l"]),
  topicName: name,
  queueName: name,
  scheduleId: mostly(["s1"]),
  flowControlKey: flowKey,
  callerIp: mostly(["127.0.0.1"]),
  responseStatus: mostly(["500", "0", "200"]),
  fromDate: date,
  toDate: date,
  groupBy: mostly(["messageId"]),
  async: mostly(["true"]),
  trimBody: mostly(["1", "100"]),
  search: mostly(["k"]),
  parallelism: mostly(["3", "true", "0"]),
  rate: mostly(["20", "true"]),
  period: mostly(["120"]),
  workflowRunId: idOf("runId"),
  workflowUrl: url,
  cancel: mostly(["false", "true"]),
  force: mostly(["true"]),
  labeel: mostly(["a"]),
  qstash_token: hostile,
};

const pairsOf = (
  values: Readonly<Record<string, fc.Arbitrary<string>>>,
  maxLength: number,
): fc.Arbitrary<readonly (readonly [string, string])[]> => {
  const pair = fc.oneof(
    ...Object.entries(values).map(([key, value]) => fc.tuple(fc.constant(key), value)),
  );
  return fc.array(pair, { maxLength });
};

/** A few settings, in the letters of one client or the other. */
export const settings = fc.tuple(pairsOf(SETTINGS, 4), fc.boolean()).map(([pairs, isLower]) =>
  pairs.map(([key, value]) => {
    const header = `Upstash-${key}`;
    return [isLower ? header.toLowerCase() : header, value] as const;
  }),
);

export const filters = pairsOf(FILTERS, 3);
