// Cursors, filters and ids that select nothing: they must never mean "all".

import { expect, test } from "vitest";
import { type Case, expectRefusals, LIVE, urlOf, useQuietWorld } from "./refusals.ts";
import type { CallOptions } from "./world.ts";

const world = useQuietWorld();

const batch = (body: unknown): CallOptions => ({ body: JSON.stringify(body) });

test("cursors that this endpoint did not issue are refused", async () => {
  const url = urlOf(world);
  for (let count = 0; count < 2; count += 1) {
    await world.deadLetterIn(await world.trigger({ url, body: "fail", retries: 0 }), null);
  }
  const list = await world.client.dlq.list({ count: 1 });
  const logs = await world.client.logs({ count: 1 });
  const cursor = list.cursor ?? "";
  expect([cursor, logs.cursor]).not.toContain("");
  const flipped = `${cursor.slice(0, -1)}${cursor.endsWith("A") ? "B" : "A"}`;
  const other = `${cursor.startsWith("1") ? "2" : "1"}${cursor.slice(1)}`;
  const texts = [
    "x",
    "0",
    "1' OR '1'='1",
    "eyJrZXkiOjF9",
    flipped,
    other,
    logs.cursor,
    `${cursor}x`,
    "9".repeat(2_000),
  ];
  const cases: Record<string, Case> = {};
  for (const text of texts) {
    const query = `cursor=${encodeURIComponent(text)}`;
    const refusal = { status: 400, names: /cursor/ };
    cases[`list ${text.slice(0, 40)}`] = {
      method: "GET",
      path: `/v2/workflows/dlq?${query}`,
      ...refusal,
    };
    cases[`resume ${text.slice(0, 40)}`] = {
      path: `/v2/workflows/dlq/resume?${query}`,
      ...refusal,
    };
    cases[`delete ${text.slice(0, 40)}`] = {
      method: "DELETE",
      path: `/v2/workflows/dlq?${query}`,
      ...refusal,
    };
  }
  for (const text of [cursor, "x"]) {
    const path = `/v2/workflows/logs?cursor=${encodeURIComponent(text)}`;
    cases[`logs ${text}`] = { method: "GET", path, status: 400, names: /cursor/ };
  }
  await expectRefusals(world, cases);
});

test("bulk requests with empty lists, unknown names or impossible values never mean all", async () => {
  const bulk = [
    ["POST", "/v2/workflows/dlq/resume"],
    ["POST", "/v2/workflows/dlq/restart"],
    ["POST", "/v2/workflows/dlq/hold"],
    ["POST", "/v2/workflows/dlq/release"],
    ["DELETE", "/v2/workflows/dlq"],
    ["DELETE", "/v2/workflows/runs"],
  ] as const;
  const queries: readonly (readonly [query: string, names: RegExp])[] = [
    ["dlqIds=&workflowRunIds=", /dlqIds|workflowRunIds/],
    ["label=", /label/],
    ["label=a&label=", /label/],
    ["workflowURL=http://a.test", /workflowURL/],
    ["constructor=1", /constructor/],
    ["count=0", /count/],
    ["count=-1", /count/],
    ["count=1e2", /count/],
    ["fromDate=2&toDate=1", /fromDate/],
    ["fromDate=now", /fromDate/],
    ["toDate=-5", /toDate/],
  ];
  const bodies: readonly (readonly [body: string, names: RegExp])[] = [
    ["{", /JSON/],
    ["[]", /object/],
    ["null", /object/],
    ['{"dlqIds":[],"workflowRunIds":[]}', /dlqIds|workflowRunIds/],
    ['{"dlqIds":[""],"workflowRunIds":[""]}', /dlqIds|workflowRunIds/],
    ['{"dlqIds":[{}],"workflowRunIds":[{}]}', /dlqIds|workflowRunIds/],
    ['{"lable":"blue"}', /lable/],
  ];
  const cases: Record<string, Case> = {};
  for (const [method, path] of bulk) {
    for (const [query, names] of queries) {
      cases[`${method} ${path} ${query}`] = {
        method,
        path: `${path}?${query}`,
        status: 400,
        names,
      };
    }
    for (const [body, names] of bodies) {
      cases[`${method} ${path} ${body}`] = { method, path, options: { body }, status: 400, names };
    }
  }
  await expectRefusals(world, cases);
});

test("ids that are unknown or belong to something else are 404, and lists too long 400", async () => {
  const { dlqId } = await world.deadLetter("wfr_fail");
  const messageId = world.app.at("/order")[0]?.headers["upstash-message-id"];
  const many = Array.from({ length: 10_000 }, (_, index) => `1725323658779-${index}`);
  const notFound = { status: 404, names: /no|not/ };
  await expectRefusals(world, {
    run: { method: "GET", path: "/v2/workflows/runs/wfr_unknown", ...notFound },
    cancel: { method: "DELETE", path: "/v2/workflows/runs/wfr_unknown", ...notFound },
    entry: { method: "GET", path: "/v2/workflows/dlq/1725323658779-999", ...notFound },
    message: { method: "GET", path: `/v2/workflows/dlq/${messageId}`, ...notFound },
    "another instant": {
      method: "GET",
      path: `/v2/workflows/dlq/1${dlqId.slice(1, -2)}0-999`,
      ...notFound,
    },
    delete: { method: "DELETE", path: "/v2/workflows/dlq/1725323658779-999", ...notFound },
    resume: { path: `/v2/workflows/dlq/resume?dlqIds=${dlqId},1725323658779-999`, ...notFound },
    many: {
      path: "/v2/workflows/dlq/resume",
      options: batch({ dlqIds: many }),
      status: 400,
      names: /at most/,
    },
    "bad run id": { method: "GET", path: "/v2/workflows/runs/a%20b", status: 400, names: /run id/ },
    "bad cancel": {
      method: "DELETE",
      path: `/v2/workflows/runs/${LIVE}?cancel=maybe`,
      status: 400,
      names: /cancel/,
    },
  });
});
