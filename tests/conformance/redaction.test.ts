// Contents that must not be shown: hidden in every answer for people, untouched for the app.

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const hidden = (text: string): string =>
  `REDACTED:${createHash("sha256").update(text).digest("hex")}`;

test("bodies and chosen headers are hidden in logs and dead letters, and reach the app and the resume as they are", async () => {
  let isBroken = true;
  const seen: unknown[] = [];
  const url = world.serve(
    "/secret",
    async (context) => {
      const secret = await context.run("make", () => `made of ${context.requestPayload}`);
      await context.run("use", () => {
        if (isBroken) throw new Error("leaks secrets");
        seen.push([secret, context.headers.get("authorization"), context.headers.get("x-user")]);
      });
    },
    {
      failureFunction: ({ context, failResponse }) =>
        void seen.push([context.requestPayload, failResponse]),
    },
  );
  const runId = await world.trigger({
    url,
    body: "a secret",
    headers: { authorization: "Bearer key", "x-user": "me" },
    retries: 0,
    redact: { body: true, header: ["Authorization"] },
  });
  const entry = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(seen).toEqual([["a secret", "leaks secrets"]]);
  expect(entry.body).toBe(hidden("a secret"));
  expect(entry.header).toMatchObject({ Authorization: [hidden("Bearer key")], "X-User": ["me"] });
  const run = await world.failed(runId);
  expect(run.steps[0]?.steps[0]).toMatchObject({ out: hidden("a secret") });
  expect(run.steps[1]?.steps[0]).toMatchObject({ out: hidden('"made of a secret"') });
  const everything = JSON.stringify([run, entry, (await world.client.dlq.list()).messages]);
  expect(everything).not.toMatch(/a secret|Bearer key|leaks secrets/);
  isBroken = false;
  const { workflowRuns } = await world.client.dlq.resume(entry.dlqId);
  const resumed = await world.succeeded(workflowRuns[0]?.workflowRunId ?? "");
  expect(seen[1]).toEqual(["made of a secret", "Bearer key", "me"]);
  expect(JSON.stringify(resumed)).not.toMatch(/a secret|Bearer key/);
});

test("the list that the SDK fetches is never hidden", async () => {
  const gate = Promise.withResolvers<void>();
  const url = world.serve("/secret", async (context) => {
    await context.run("wait", () => gate.promise);
  });
  const runId = await world.trigger({
    url,
    body: "a secret",
    redact: { body: true, header: true },
  });
  await until("the delivery", () => world.app.at("/secret").length > 0);
  const list = await world.call("GET", `/v2/workflows/runs/${runId}`);
  expect(list.json).toMatchObject([{ body: Buffer.from("a secret").toString("base64") }]);
  gate.resolve();
  await world.succeeded(runId);
});
