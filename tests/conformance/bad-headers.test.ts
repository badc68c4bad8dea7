// Headers of a message that are out of bounds: refused by name over every way in, and nothing is stored.

import { expect, test } from "vitest";
import { deliveryAt, idOf, messageOf } from "./publisher.ts";
import { sendRaw } from "./raw-http.ts";
import { type Case, expectRefusals } from "./refusals.ts";
import { countWritten } from "./snapshot.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://a.test/later";

interface Fault {
  readonly header: string;
  readonly value: string;
  readonly status: number;
  /** The name of the header when not given. */
  readonly names?: RegExp;
  readonly more?: Readonly<Record<string, string>>;
}

const faults = (header: string, values: readonly string[], rest: Partial<Fault> = {}): Fault[] =>
  values.map((value) => ({ header, value, status: 400, ...rest }));

const many = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join();

const SINGLE: readonly Fault[] = [
  ...faults("Upstash-Method", ["FOO", "CONNECT", "TRACE", "HEAD", "OPTIONS", "", "POST, PUT"]),
  ...faults("Upstash-Retries", ["-1", "3.5", "1e3", "0x3", "NaN", "", "three", "+1", "1 2"]),
  ...faults("Upstash-Retries", ["101", "99999999999999999999"], {
    status: 412,
    names: /maxRetries/,
  }),
  ...faults("Upstash-Delay", ["-5s", "5 s", "PT5S", "", "s", "1e9d", "5 parsecs", "1s;x", "NaN"]),
  ...faults("Upstash-Delay", [`${"1s".repeat(40)}`, `${"9".repeat(63)}d`, "9999999999999s"]),
  ...faults("Upstash-Delay", ["366d", "999999999s", "13mo"], { status: 412, names: /maxDelay/ }),
  ...faults("Upstash-Not-Before", ["-1", "1.5", "1e20", "", "soon", "2026-01-01"]),
  ...faults("Upstash-Not-Before", ["1769433002013000"], { names: /not milliseconds/ }),
  ...faults("Upstash-Not-Before", ["99999999999"], { status: 412, names: /maxDelay/ }),
  ...faults("Upstash-Timeout", ["0", "0s", "-1s", "", "later"]),
  ...faults("Upstash-Deduplication-Id", ["", "x".repeat(257)]),
  ...faults("Upstash-Deduplication-Id", ["a:b"], { names: /cannot contain ':'/ }),
  ...faults("Upstash-Content-Based-Deduplication", ["yes", "1", "", "truee"]),
  ...faults("Upstash-Header-Forward", ["yes", "", "0"]),
  ...faults("Upstash-Label", ["x".repeat(65), many(17, (index) => `l${index}`)]),
  ...faults("Upstash-Label", [many(1_000, (index) => `l${index}`), "x".repeat(10_000)]),
  ...faults("Upstash-Redact-Fields", ["foo", "header[", "header[]", "body,", "", "header[a b]"]),
  ...faults("Upstash-Redact-Fields", [many(65, () => "body")]),
  ...faults("Upstash-Queue-Name", ["", "a b", "../x", "..", "q".repeat(129), "a/b", "a:b"]),
  ...faults("Upstash-Flow-Control-Value", ["rate=1"], {
    names: /Upstash-Flow-Control-Key.*missing/,
  }),
  ...faults("Upstash-Flow-Control-Key", ["k"], { names: /Upstash-Flow-Control-Value.*missing/ }),
  ...faults("Upstash-Flow-Control-Key", ["", "k".repeat(257)], {
    more: { "Upstash-Flow-Control-Value": "rate=1" },
  }),
  ...faults(
    "Upstash-Flow-Control-Value",
    [
      ...["", "rate", "rate=", "rate=0", "rate=-1", "rate=1.5", "rate=1e9", "rate=99999999999"],
      ...["parallelism=0", "parallelism=1e9", "period=1s", "rate=1,period=0", "rate=1,period=8d"],
      ...["rate=1,rate=2", "speed=1", "rate=1,,", "rate==1", "rate=1;parallelism=2"],
    ],
    { more: { "Upstash-Flow-Control-Key": "k" } },
  ),
  ...faults("Upstash-Retry-Delay", [
    "",
    "1 +",
    "two",
    "process.exit()",
    "a=>a",
    "1;2",
    "[1]",
    "this",
  ]),
  ...faults("Upstash-Retry-Delay", [
    "constructor",
    "__proto__",
    "retried.constructor",
    "import('x')",
  ]),
  ...faults("Upstash-Retry-Delay", [
    "1/0",
    "0/0",
    "sqrt(-1)",
    "pow(9,pow(9,9))",
    "1e308*10",
    "pow(1)",
  ]),
  ...faults("Upstash-Retry-Delay", [
    `${"(".repeat(10_000)}1${")".repeat(10_000)}`,
    `${"1+".repeat(300)}1`,
    `${"-".repeat(400)}1`,
  ]),
];

const shown = ({ header, value }: Fault): string => `${header}: ${value.slice(0, 40)}`;

/** The refusals of every fault, over one way in. */
function casesOf(
  list: readonly Fault[],
  way: (headers: Readonly<Record<string, string>>) => Pick<Case, "path" | "options">,
): Readonly<Record<string, Case>> {
  const cases: Record<string, Case> = {};
  for (const fault of list) {
    const { header, value, status, names = new RegExp(header, "i"), more = {} } = fault;
    cases[shown(fault)] = { ...way({ ...more, [header]: value }), status, names };
  }
  return cases;
}

test("in a publish", async () => {
  const way = (headers: Readonly<Record<string, string>>) => ({
    path: `/v2/publish/${LATER}`,
    options: { headers },
  });
  await expectRefusals(world, casesOf(SINGLE, way));
});

test("in an enqueue", async () => {
  // The name of the queue in the path wins over the header, which is checked nevertheless.
  const way = (headers: Readonly<Record<string, string>>) => ({
    path: `/v2/enqueue/q/${LATER}`,
    options: { headers },
  });
  await expectRefusals(world, casesOf(SINGLE, way));
});

test("in an item of a batch, which is named", async () => {
  const way = (headers: Readonly<Record<string, string>>) => ({
    path: "/v2/batch",
    options: { body: JSON.stringify([{ destination: LATER }, { destination: LATER, headers }]) },
  });
  const cases = Object.entries(casesOf(SINGLE, way)).map(([name, refused]) => {
    return [name, { ...refused, names: new RegExp(`item 1: .*(${refused.names.source})`, "i") }];
  });
  await expectRefusals(world, Object.fromEntries(cases));
});

test("in the query of the destination", async () => {
  const way = (headers: Readonly<Record<string, string>>) => {
    const query = Object.entries(headers).map(([name, value]) => {
      return `${name.toLowerCase()}=${encodeURIComponent(value)}`;
    });
    return { path: `/v2/publish/${LATER}?${query.join("&")}`, options: {} };
  };
  const short = SINGLE.filter(({ value }) => value.length < 2_000);
  await expectRefusals(world, casesOf(short, way));
});

test.each(["Callback", "Failure-Callback"])("as settings of a message's %s", async (kind) => {
  const settings = ["Method", "Retries", "Timeout", "Retry-Delay", "Label", "Flow-Control-Value"];
  const list = SINGLE.filter(({ header }) => settings.includes(header.slice("Upstash-".length)));
  expect(list.length).toBeGreaterThan(50);
  const prefixed = (name: string): string => `Upstash-${kind}-${name.slice("Upstash-".length)}`;
  const way = (headers: Readonly<Record<string, string>>) => {
    const own = Object.entries(headers).map(([name, value]) => [prefixed(name), value]);
    const all = { [`Upstash-${kind}`]: LATER, ...Object.fromEntries(own) };
    return { path: `/v2/publish/${LATER}`, options: { headers: all } };
  };
  await expectRefusals(world, casesOf(list, way));
});

test("header values of JSON that no header can hold, whatever they configure", async () => {
  const values = ["a\r\nX-Evil: 1", "a\nb", "a\u0000b", "a\u007fb", "漢", "\u{1F600}", "\ud800"];
  const names = [
    "upstash-forward-x",
    "upstash-callback-forward-x",
    "upstash-label",
    "content-type",
  ];
  const cases: Record<string, Case> = {};
  for (const name of [...names, "upstash-deduplication-id", "x-unknown"]) {
    for (const value of values) {
      const headers = { "upstash-callback": LATER, [name]: value };
      cases[`${name} ${JSON.stringify(value)}`] = {
        path: "/v2/batch",
        options: { body: JSON.stringify([{ destination: LATER, headers }]) },
        status: 400,
        names: new RegExp(`item 0: header ${name} has`),
      };
    }
  }
  for (const name of ["", "x evil", "x\r\ny", "x:y", "ü", "x\u0000"]) {
    for (const prefix of ["", "upstash-forward-", "upstash-callback-forward-"]) {
      if (prefix + name === "upstash-callback-forward-") continue;
      const headers = { "upstash-callback": LATER, [prefix + name]: "1" };
      cases[`name ${JSON.stringify(prefix + name)}`] = {
        path: "/v2/batch",
        options: { body: JSON.stringify([{ destination: LATER, headers }]) },
        status: 400,
        names: /item 0: header name/,
      };
    }
  }
  await expectRefusals(world, cases);
});

test("a setting twice is refused; lists may come in several headers", async () => {
  const rowsWritten = await countWritten(world.store);
  const send = (lines: readonly string[]) =>
    sendRaw(
      world.server.port,
      [
        `POST /v2/publish/${LATER} HTTP/1.1`,
        `host: 127.0.0.1:${world.server.port}`,
        `authorization: Bearer ${world.token}`,
        ...["content-length: 0", "upstash-delay: 1h", ...lines, "", ""],
      ].join("\r\n"),
    );
  const names = ["Upstash-Delay", "Upstash-Retries", "Upstash-Method", "Upstash-Callback"];
  for (const name of [...names, "Upstash-Deduplication-Id", "Upstash-Flow-Control-Key"]) {
    const answer = await send([`${name}: 1`, `${name.toLowerCase()}: 1`]);
    expect([name, answer.status]).toEqual([name, 400]);
    expect(answer.body).toContain(`${name} must be given once`);
  }
  expect(await countWritten(world.store)).toBe(rowsWritten);
  const answer = await send([
    ...["Upstash-Label: a", "upstash-label: b", "Upstash-Forward-X: 1", "Upstash-Forward-X: 2"],
  ]);
  expect(await messageOf(world, idOf(JSON.parse(answer.body)))).toMatchObject({
    labels: ["a", "b"],
    header: { X: ["1, 2"] },
  });
});

test("more than 64 KB of headers are refused, over HTTP and in a batch", async () => {
  const value = "x".repeat(1_000);
  const headers = Object.fromEntries(
    Array.from({ length: 70 }, (_, index) => [`upstash-forward-x-${index}`, value]),
  );
  const item = { destination: LATER, headers };
  await expectRefusals(world, {
    batch: {
      path: "/v2/batch",
      options: { body: JSON.stringify([item]) },
      status: 431,
      names: /item 0: headers of a message must have at most 65536 bytes/,
    },
    HTTP: { path: `/v2/publish/${LATER}`, options: { headers }, status: 431, names: /65536 bytes/ },
  });
});

test("what looks odd and is allowed stays what it is", async () => {
  const url = world.app.on("/odd", () => new Response());
  const answer = await world.call("POST", `/v2/publish/${url}`, {
    headers: {
      "Upstash-Retries": "007",
      "Upstash-Method": "put",
      "Upstash-Timeout": "10y",
      "Upstash-Not-Before": "0",
      "Upstash-Label": "%_'\"<b>\\, ',",
      "Upstash-Flow-Control-Key": "a/b c%20?#",
      "Upstash-Flow-Control-Value": " period = 2 ,rate=1 ",
      "Upstash-Unknown": "ignored",
      "Upstash-Callback-Retries": "ignored without a callback",
      "Upstash-Retry-Delay": "-5",
    },
  });
  expect(answer.status, answer.text).toBe(200);
  expect(await deliveryAt(world, "/odd")).toMatchObject({ method: "PUT" });
  expect(await messageOf(world, idOf(answer.json))).toMatchObject({
    maxRetries: 7,
    timeout: 43_200_000,
    labels: ["%_'\"<b>\\", "'"],
    flowControlKey: "a/b c%20?#",
    rate: 1,
    period: 2,
    retryDelayExpression: "-5",
  });
});
