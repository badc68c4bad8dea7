// Cron expressions, zones and ids of schedules that are out of bounds: refused by name, and nothing is stored.

import { expect, test } from "vitest";
import { type Case, expectRefusals } from "./refusals.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://a.test/later";

/** An expression, and what the refusal says of it. */
const BAD: readonly (readonly [cron: string, names: RegExp])[] = [
  ["", /cron/i],
  ["soon", /cron/i],
  ["* * * *", /cron/i],
  ["* * * * * *", /cron/i],
  ["* * * * * * *", /cron/i],
  ["*/0 * * * *", /cron/i],
  ["*/-1 * * * *", /cron/i],
  ["*/1.5 * * * *", /cron/i],
  ["60 * * * *", /cron/i],
  ["-1 * * * *", /cron/i],
  ["* 24 * * *", /cron/i],
  ["* * 0 * *", /cron/i],
  ["* * 32 * *", /cron/i],
  ["* * * 0 *", /cron/i],
  ["* * * 13 *", /cron/i],
  ["* * * * 8", /cron/i],
  ["5-1 * * * *", /cron/i],
  ["1- * * * *", /cron/i],
  [",1 * * * *", /cron/i],
  ["1,,2 * * * *", /cron/i],
  ["1/ * * * *", /cron/i],
  ["0 0 L * *", /cron/i],
  ["0 0 15W * *", /cron/i],
  ["0 0 * * 1#2", /cron/i],
  ["0 0 * foo *", /cron/i],
  ["0 0 * * monday", /cron/i],
  ["0 0 31 2 *", /never|no tick|cron/i],
  ["0 0 30 2 *", /never|no tick|cron/i],
  ["@never", /cron/i],
  ["@every", /cron/i],
  ["@every 1s", /cron/i],
  ["@every -5m", /cron/i],
  ["@every 99999d", /cron/i],
  ["1;2 * * * *", /cron/i],
  ["`id` * * * *", /cron/i],
  ["\u0661 * * * *", /cron|header/i],
  [`${Array.from({ length: 10_000 }, (_, index) => index % 60).join()} * * * *`, /cron/i],
  ["CRON_TZ= * * * * *", /zone/i],
  ["CRON_TZ=", /cron|zone/i],
  ["CRON_TZ=Mars/Phobos * * * * *", /zone/i],
  ["CRON_TZ=../../etc/passwd * * * * *", /zone/i],
  ["CRON_TZ=Europe/Berlin", /cron/i],
  ["CRON_TZ=Europe/Berlin CRON_TZ=UTC * * * * *", /cron/i],
  ["TZ=Nowhere * * * * *", /zone/i],
  ["ZONE=UTC * * * * *", /cron/i],
];

test("as a header, in the query, and of a publish", async () => {
  const cases: Record<string, Case> = {};
  for (const [cron, names] of BAD) {
    const name = cron.slice(0, 40);
    const inQuery = `upstash-cron=${encodeURIComponent(cron)}`;
    const ways: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
      ["a schedule", `/v2/schedules/${LATER}`, { "Upstash-Cron": cron }],
      ["a publish", `/v2/publish/${LATER}`, { "Upstash-Cron": cron }],
      ["a query", `/v2/schedules/${LATER}?${inQuery}`, {}],
    ];
    for (const [way, path, headers] of ways) {
      // What no header can hold never arrives as one.
      if (/[^ -~]/.test(cron) && way !== "a query") continue;
      if (way === "a query" && inQuery.length > 10_000) continue;
      cases[`${way} ${name}`] = { path, options: { headers }, status: 400, names };
    }
  }
  await expectRefusals(world, cases);
});

test("ids of schedules are names", async () => {
  const cases: Record<string, Case> = {};
  const ids = [
    "",
    "a b",
    "../x",
    "..",
    ".",
    "%2e",
    "a/b",
    "a:b",
    "s".repeat(129),
    "s\u00e9",
    "a,b",
  ];
  for (const id of ids) {
    cases[JSON.stringify(id)] = {
      path: `/v2/schedules/${LATER}`,
      options: { headers: { "Upstash-Cron": "* * * * *", "Upstash-Schedule-Id": id } },
      status: 400,
      names: /Upstash-Schedule-Id/,
    };
  }
  await expectRefusals(world, cases);
});

test("settings that only a message has, and a schedule without its cron", async () => {
  const bad = (headers: Readonly<Record<string, string>>, names: RegExp): Case => ({
    ...{ path: `/v2/schedules/${LATER}`, options: { headers }, status: 400, names },
  });
  const cron = { "Upstash-Cron": "0 9 * * *" };
  await expectRefusals(world, {
    "no cron": bad({}, /Upstash-Cron/),
    "a fixed time": bad({ ...cron, "Upstash-Not-Before": "4102444800" }, /Upstash-Not-Before/),
    "a bad setting": bad({ ...cron, "Upstash-Retries": "x" }, /Upstash-Retries/),
    "a bad expression": bad({ ...cron, "Upstash-Retry-Delay": "1/0" }, /retry.delay/i),
    "a bad callback": bad({ ...cron, "Upstash-Callback": "x" }, /Upstash-Callback/),
    "a delayed callback": bad(
      { ...cron, "Upstash-Callback": LATER, "Upstash-Callback-Delay": "1s" },
      /Upstash-Callback-Delay/,
    ),
    "a bad queue": bad({ ...cron, "Upstash-Queue-Name": "a b" }, /Upstash-Queue-Name/),
  });
});

test("odd expressions that mean something", async () => {
  const fine = [
    ...["  */10 * * * *  ", "@daily", "@hourly", "@every 1h30m", "0 0 29 2 *", "* * ? * *"],
    ...["0 0 * JAN-mar MON,wed", "CRON_TZ=UTC 0 0 * * *", "TZ=Europe/Berlin 0 0 1,15 * 0"],
  ];
  for (const cron of fine) {
    const answer = await world.call("POST", `/v2/schedules/${LATER}`, {
      headers: { "Upstash-Cron": cron },
    });
    expect([cron, answer.status, answer.text]).toEqual([cron, 200, answer.text]);
    const shown = await world.call("GET", "/v2/schedules");
    expect(shown.json).toContainEqual(expect.objectContaining({ cron: cron.trim() }));
  }
});
