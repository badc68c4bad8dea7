// Lists that are too long to be sent: the SDK fetches them. And bodies of several mebibytes.

import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const INLINE_CHARS_MAX = 1_000;
const world = useWorld({ surroundings: { limits: { inlineCharsMax: INLINE_CHARS_MAX } } });

/** Larger than any list that would be sent. */
const longText = "x".repeat(INLINE_CHARS_MAX);

test("a long payload goes out as an empty body with the headers by which every adapter knows it", async () => {
  const url = world.serve<string>("/long", async (context) => {
    return context.run("size", () => context.requestPayload.length);
  });
  const run = await world.succeeded(await world.trigger({ url, body: longText }));
  expect(run.workflowRunResponse).toBe(String(INLINE_CHARS_MAX));
  expect(world.app.at("/long").map(({ body }) => body)).toEqual(["", ""]);
  for (const { headers } of world.app.at("/long")) {
    expect(headers).toMatchObject({ "content-length": "0", "content-type": "application/json" });
  }
});

test("parallel steps, sleeps and their order work as well when every list is fetched", async () => {
  const calls: string[] = [];
  const url = world.serve<string>("/long", async (context) => {
    const step = (name: string) =>
      context.run(name, () => {
        calls.push(name);
        return name;
      });
    const group = await Promise.all([step("a"), context.sleep("nap", "1s"), step("b")]);
    return [...group, await step("after")];
  });
  const run = await world.succeeded(await world.trigger({ url, body: longText }));
  await world.close();
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(["a", null, "b", "after"]);
  expect(calls.toSorted()).toEqual(["a", "after", "b"]);
  expect(world.app.at("/long")).toHaveLength(8);
  expect(world.app.at("/long").every(({ body }) => body === "")).toBe(true);
});

test("a list grows over the limit in the middle of a run", async () => {
  const url = world.serve("/grows", async (context) => {
    const one = await context.run("one", () => longText);
    const two = await context.run("two", () => one.length);
    return two;
  });
  const run = await world.succeeded(await world.trigger({ url }));
  expect(run.workflowRunResponse).toBe(String(INLINE_CHARS_MAX));
  expect(world.app.at("/grows").map(({ body }) => body === "")).toEqual([false, true, true]);
});

test("the failure call is never empty, whatever the size of the run", async () => {
  const payloads: unknown[] = [];
  const url = world.serve<string>(
    "/fails",
    async (context) => {
      await context.run("broken", () => {
        throw new Error(longText);
      });
    },
    {
      failureFunction: ({ context, failResponse }) => {
        payloads.push([context.requestPayload, failResponse]);
      },
    },
  );
  await world.trigger({ url, body: longText, retries: 0 });
  await until("the failure function", () => payloads.length > 0);
  expect(payloads).toEqual([[longText, longText]]);
});

test("the list of a run that has ended is gone for the SDK, which then ends quietly", async () => {
  let runId = "";
  const workflow = world.workflow<string>(async (context) => {
    await context.run("never", () => 1);
  });
  const url = world.app.on("/ended", async (request) => {
    await world.client.cancel(runId);
    return workflow(request);
  });
  runId = "wfr_ended";
  await world.trigger({ url, workflowRunId: "ended", body: longText });
  const [delivery] = await until("the answer", () => {
    const answered = world.app.at("/ended").filter(({ status }) => status !== 0);
    return answered.length > 0 && answered;
  });
  expect(delivery?.status).toBe(200);
  expect(delivery?.answer).toContain("workflow-already-ended");
  const list = await world.call("GET", `/v2/workflows/runs/${runId}`);
  expect(list.status).toBe(404);
});

const LARGE_CHARS = 5 * 1024 * 1024;

test("a payload of 5 MiB arrives whole", async () => {
  const url = world.serve<string>("/large", async (context) => {
    return context.run("size", () => context.requestPayload.length);
  });
  const run = await world.succeeded(await world.trigger({ url, body: "y".repeat(LARGE_CHARS) }));
  expect(run.workflowRunResponse).toBe(String(LARGE_CHARS));
});

test("a step's result of 5 MiB arrives whole", async () => {
  const url = world.serve("/large", async (context) => {
    const text = await context.run("make", () => "y".repeat(LARGE_CHARS));
    return text.length;
  });
  const run = await world.succeeded(await world.trigger({ url }));
  expect(run.workflowRunResponse).toBe(String(LARGE_CHARS));
});

test("an error of 5 MiB reaches the failure function whole", async () => {
  const sizes: number[] = [];
  const url = world.serve(
    "/large",
    async (context) => {
      await context.run("fail", () => {
        throw new Error("y".repeat(LARGE_CHARS));
      });
    },
    { failureFunction: ({ failResponse }) => void sizes.push(failResponse.length) },
  );
  await world.trigger({ url, retries: 0 });
  await until("the failure function", () => sizes.length > 0);
  expect(sizes).toEqual([LARGE_CHARS]);
});
