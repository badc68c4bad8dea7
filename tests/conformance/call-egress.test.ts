// Calls, and other steps, that would send the server where it may not go.

import { parseServerConfig } from "@reprise/server";
import { expect, test } from "vitest";
import { refusedStatus } from "./sdk.ts";
import { faultOf, resultAt, submitCall, waiting } from "./surface.ts";
import { useWorld } from "./world.ts";

// The app is reached by its address, which is the only one allowed.
const { egress } = parseServerConfig({
  REPRISE_EGRESS: "public-only",
  REPRISE_EGRESS_ALLOW: "127.0.0.1",
});
const world = useWorld({ config: { egress } });

const DENIED = [
  "http://169.254.169.254/latest/meta-data",
  "http://10.0.0.1/",
  "http://[::1]:1/",
  "http://[::ffff:10.0.0.1]/",
  "http://0x0a000001/",
];

test.each(DENIED)("a call to %s fails the run at once and says why", async (url) => {
  const workflow = world.serve("/flow", async (context) => {
    await context.call("ask", { url, retries: 3 });
  });
  const run = await world.failed(await world.trigger({ url: workflow }));
  const body = expect.stringMatching(/invalid destination url/);
  expect(faultOf(run)).toEqual({ status: refusedStatus, body });
  await world.close();
  expect(run.steps.at(-1)?.steps[0]?.errors).toHaveLength(1);
});

test("a call to an allowed address goes its way", async () => {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url })).body;
  });
  expect(await resultAt(world, workflow)).toBe("ok");
});

test("a redirect to a denied address is not followed", async () => {
  const [location = ""] = DENIED;
  const url = world.app.on(
    "/service",
    () => new Response(null, { status: 307, headers: { location } }),
  );
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url })).status;
  });
  expect(await resultAt(world, workflow)).toBe(307);
});

test("answers of calls, and results of waits, are sent to no denied address either", async () => {
  const url = world.serve("/flow", async (context) => {
    await context.waitForEvent("wait", "event");
  });
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  const [denied = ""] = DENIED;
  const refusal = { status: 412, json: { code: "invalid_destination" } };
  const call = await submitCall(world, {
    url: `${world.app.url}/service`,
    workflow: { url, runId },
    stepId: 1,
    headers: { "upstash-callback": denied },
  });
  expect(call, call.text).toMatchObject(refusal);
  const step = { stepId: 1, stepName: "wait", stepType: "Wait", concurrent: 1 };
  const headers = { "upstash-workflow-init": "false", "upstash-workflow-runid": runId };
  for (const wait of [
    { url: denied, step },
    { url, timeoutUrl: denied, step },
  ]) {
    const body = JSON.stringify({ timeoutHeaders: {}, ...wait });
    const answer = await world.call("POST", "/v2/wait/other", { headers, body });
    expect(answer, answer.text).toMatchObject(refusal);
  }
});
