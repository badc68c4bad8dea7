// Settings of a trigger that are out of bounds: refused by name before anything is stored.

import { test } from "vitest";
import { type Case, expectRefusals, urlOf, useQuietWorld } from "./refusals.ts";
import type { CallOptions } from "./world.ts";

const world = useQuietWorld();

const batch = (body: unknown): CallOptions => ({ body: JSON.stringify(body) });

test("settings of a trigger that are out of bounds are refused by name, over REST and in a batch", async () => {
  const url = urlOf(world);
  const faults: readonly (readonly [
    header: string,
    value: string,
    status: number,
    names?: RegExp,
  ])[] = [
    ...["-1", "3.5", "1e3", "0x3", "", "NaN", "three"].map(
      (value) => ["Upstash-Retries", value, 400] as const,
    ),
    ["Upstash-Retries", "1000000", 412, /maxRetries/],
    ...["-5s", "5 parsecs", "10x", "s", "PT5S", "1s;drop"].map(
      (value) => ["Upstash-Delay", value, 400] as const,
    ),
    ["Upstash-Delay", "400d", 412, /maxDelay/],
    ["Upstash-Not-Before", "-1", 400],
    ["Upstash-Not-Before", "1.5", 400],
    ["Upstash-Not-Before", "1769433002013", 400, /seconds/],
    ["Upstash-Not-Before", "1".repeat(25), 400],
    ["Upstash-Timeout", "0", 400],
    ["Upstash-Timeout", "-1s", 400],
    ["Upstash-Method", "FOO", 400],
    ["Upstash-Method", "TRACE", 400],
    ["Upstash-Label", Array.from({ length: 17 }, (_, index) => `l${index}`).join(), 400],
    ["Upstash-Label", "x".repeat(65), 400],
    ["Upstash-Redact-Fields", "everything", 400],
    ["Upstash-Redact-Fields", "header[", 400],
    ["Upstash-Failure-Callback", "alarm", 400],
    ["Upstash-Flow-Control-Key", "k", 400, /Upstash-Flow-Control-Value/],
    ["Upstash-Flow-Control-Value", "rate=1", 400, /Upstash-Flow-Control-Key/],
    ["Upstash-Workflow-Init", "maybe", 400],
    ["Upstash-Workflow-RunId", "../x", 400, /run id/],
    ["Upstash-Workflow-RunId", "a b", 400, /run id/],
    ["Upstash-Workflow-RunId", "", 400, /run id/],
    ["Upstash-Workflow-RunId", "..", 400, /run id/],
    ["Upstash-Workflow-RunId", "x".repeat(200), 400, /run id/],
  ];
  const cases: Record<string, Case> = {};
  for (const [header, value, status, names = new RegExp(header)] of faults) {
    const name = `${header}: ${value.slice(0, 30)}`;
    const headers = { "upstash-workflow-init": "true", [header.toLowerCase()]: value };
    cases[`REST ${name}`] = {
      path: `/v2/trigger/${url}`,
      options: { headers: { [header]: value } },
      status,
      names,
    };
    cases[`batch ${name}`] = {
      path: "/v2/batch",
      options: batch([{ destination: url, headers }]),
      status,
      names,
    };
  }
  await expectRefusals(world, cases);
});

test("flow control values are refused by what is wrong with them", async () => {
  const url = urlOf(world);
  const values = [
    ...["", "rate", "rate=", "rate=0", "rate=-1", "rate=1.5", "rate=1e9", "parallelism=0"],
    ...[
      "period=1s",
      "rate=1,period=0",
      "rate=1,period=8d",
      "rate=1,rate=2",
      "speed=1",
      "rate=99999999999",
    ],
  ];
  const cases: Record<string, Case> = {};
  for (const value of values) {
    const headers = { "Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": value };
    cases[value] = {
      path: `/v2/trigger/${url}`,
      options: { headers },
      status: 400,
      names: /Upstash-Flow-Control-Value/,
    };
  }
  await expectRefusals(world, cases);
});

test("expressions that are none, or never end, are refused before anything is stored", async () => {
  const url = urlOf(world);
  const expressions = [
    ...[
      "",
      "1 +",
      "(1",
      "1)",
      "1 2",
      "two",
      "retries",
      "unknown(1)",
      "pow(1)",
      "min()",
      "1;2",
      "a=>a",
    ],
    ...[
      "constructor",
      "__proto__",
      "retried.constructor",
      "process.exit()",
      "this",
      "import('x')",
      '"x"',
      "[1]",
    ],
    ...["1/0", "0/0", "sqrt(-1)", "1/(retried-1)", "pow(9,pow(9,9))", "1e308*10", "5 % 0"],
    `${"(".repeat(10_000)}1${")".repeat(10_000)}`,
    `${"(".repeat(100)}1${")".repeat(100)}`,
    `${"1+".repeat(400)}1`,
    `${"-".repeat(400)}1`,
  ];
  const cases: Record<string, Case> = {};
  for (const expression of expressions) {
    const name = `${expression.length} characters: ${expression.slice(0, 30)}`;
    const headers = { "upstash-workflow-init": "true", "upstash-retry-delay": expression };
    const refusal = { status: 400, names: /Upstash-Retry-Delay|retry.delay/i };
    cases[`batch ${name}`] = {
      path: "/v2/batch",
      options: batch([{ destination: url, headers }]),
      ...refusal,
    };
    cases[`REST ${name}`] = {
      path: `/v2/trigger/${url}`,
      options: { headers: { "Upstash-Retry-Delay": expression } },
      ...refusal,
    };
  }
  await expectRefusals(world, cases);
});
