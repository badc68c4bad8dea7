// Where the failure call of a dead letter stands: each state, how it is reached, and how entries are found by it.

import type { CallbackState, DeadLetterResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { failRun, idsOf, listIds, serveDown } from "./dead-letters.ts";

const world = useWorld();

/** A failure URL whose first answers wait for the test. */
function serveGated(path: string) {
  const answers: ((response: Response) => void)[] = [];
  const url = world.app.on(
    path,
    () => new Promise<Response>((resolve) => void answers.push(resolve)),
  );
  const next = () => until(`a call at ${path}`, () => answers.shift());
  return { url, answer: async (response: Response) => (await next())(response) };
}

/** The entry shows the state under both names, the log shows it, and both names of the filter find the entry. */
async function expectState(
  { workflowRunId }: DeadLetterResource,
  state: CallbackState,
): Promise<DeadLetterResource> {
  const entry = await world.deadLetterIn(workflowRunId, state);
  expect(entry.failureCallbackInfo?.state).toBe(state);
  expect((await world.failed(workflowRunId)).failureFunction?.state).toBe(state);
  for (const name of ["failureFunctionState", "failureCallbackState"]) {
    expect(await listIds(world, `${name}=${state}`)).toEqual(idsOf(entry));
    expect(await listIds(world, `${name}=NONE`)).not.toContain(entry.dlqId);
  }
  return entry;
}

test("S70: the failure callback is in progress while it is delivered and between its retries", async () => {
  const alarm = serveGated("/alarm");
  const failureUrl = alarm.url;
  const url = serveDown(world, "/down");
  const entry = await failRun(world, { url, failureUrl, retries: 1, retryDelay: "1" });
  await expectState(entry, "CALLBACK_INPROGRESS");
  // The time in which the planned retry has to be seen.
  const headers = { "retry-after": "3" };
  await alarm.answer(new Response("not now", { status: 503, headers }));
  const call = await until("the planned retry", async () => {
    const { failureFunction } = await world.failed(entry.workflowRunId);
    return failureFunction?.nextDeliveryTime !== undefined && failureFunction;
  });
  expect(call).toMatchObject({ state: "CALLBACK_INPROGRESS", errors: [{ status: 503 }] });
  await alarm.answer(new Response("noted"));
  await expectState(entry, "CALLBACK_SUCCESS");
});

test("S70: the failure callback is in progress again after it was called by hand", async () => {
  const alarm = serveGated("/alarm");
  const entry = await failRun(world, { failureUrl: alarm.url });
  await alarm.answer(new Response("", { status: 500 }));
  await expectState(entry, "CALLBACK_FAIL");
  await world.client.dlq.retryFailureFunction({ dlqId: entry.dlqId });
  await expectState(entry, "CALLBACK_INPROGRESS");
  await alarm.answer(new Response(""));
  await expectState(entry, "CALLBACK_SUCCESS");
});

test("S71: the failure callback has succeeded when it was answered with 2xx", async () => {
  for (const status of [200, 201, 204, 299]) {
    const path = `/alarm/${status}`;
    const body = status === 204 ? null : "noted";
    const failureUrl = world.app.on(path, () => new Response(body, { status }));
    const entry = await failRun(world, { failureUrl });
    const { failureCallbackInfo } = await expectState(entry, "CALLBACK_SUCCESS");
    expect(failureCallbackInfo).toMatchObject({
      responseStatus: status,
      responseBody: body ?? "",
    });
    await world.client.dlq.delete(entry.dlqId);
  }
});

test("S72: the failure callback has failed when its retries are used up", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("no mail", { status: 502 }));
  const options = { failureUrl, retries: 2, retryDelay: "1" };
  const { failureCallbackInfo } = await expectState(await failRun(world, options), "CALLBACK_FAIL");
  expect(failureCallbackInfo).toMatchObject({ responseStatus: 502, responseBody: "no mail" });
  expect(world.app.at("/alarm").map(({ headers }) => headers["upstash-retried"])).toEqual([
    "0",
    "1",
    "2",
  ]);
});

test("S73: the failure callback is cancelled when somebody has cancelled it", async () => {
  const alarm = serveGated("/alarm");
  const entry = await failRun(world, { failureUrl: alarm.url });
  const path = `/v2/workflows/dlq/callback/${entry.dlqId}`;
  // A call that is cancelled before it is made would not be answered.
  await until("the call", () => world.app.at("/alarm").length === 1);
  expect((await world.call("DELETE", path)).status).toBe(200);
  await expectState(entry, "CALLBACK_CANCELED");
  await alarm.answer(new Response("too late"));
  await world.close();
});

test("S73: a failure callback that waits for its retry is not sent any more once it is cancelled", async () => {
  const later = { status: 503, headers: { "retry-after": "3600" } };
  const failureUrl = world.app.on("/alarm", () => new Response("", later));
  const entry = await failRun(world, { failureUrl, retries: 1, retryDelay: "1" });
  await until("the planned retry", async () => {
    const { failureFunction } = await world.failed(entry.workflowRunId);
    return failureFunction?.errors?.length === 1 && failureFunction.nextDeliveryTime;
  });
  await world.call("DELETE", `/v2/workflows/dlq/callback/${entry.dlqId}`);
  await expectState(entry, "CALLBACK_CANCELED");
  expect((await world.failed(entry.workflowRunId)).failureFunction?.nextDeliveryTime).toBe(
    undefined,
  );
  expect(
    await world.store.count("messages", [{ type: "in", column: "kind", values: ["failureCall"] }]),
  ).toBe(0);
});

test("S74: an endpoint without a failure function leaves the entry without a state, and NONE finds it", async () => {
  const url = world.serve("/order", async (context) => {
    await context.run("broken", () => {
      throw new Error("broken");
    });
  });
  const runId = await world.trigger({ url, retries: 0 });
  await until(
    "the failure call",
    () =>
      world.app.at("/order").at(-1)?.answerHeaders["upstash-workflow-failure-callback-notfound"],
  );
  const entry = await world.deadLetterIn(runId, null);
  expect(entry.failureCallbackInfo?.state).toBeUndefined();
  expect((await world.failed(runId)).failureFunction).toBeUndefined();
  for (const name of ["failureFunctionState", "failureCallbackState"]) {
    expect(await listIds(world, `${name}=NONE`)).toEqual(idsOf(entry));
    expect(await listIds(world, `${name}=CALLBACK_SUCCESS`)).toEqual([]);
  }
});
