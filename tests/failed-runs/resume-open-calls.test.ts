// A resume while a call of another branch is under way: the service is asked once, and its answer is not lost.

import type { CallSettings } from "@upstash/workflow";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { OpenBranch } from "./open-branches.ts";

const world = useWorld({ isOnDisk: true });

/** A service that answers when the test says so. */
function serveService() {
  const open: ((response: Response) => void)[] = [];
  const url = world.app.on(
    "/service",
    () => new Promise<Response>((resolve) => void open.push(resolve)),
  );
  return {
    url,
    answer: async (status: number, body: string) => {
      const resolve = await until("a request to answer", () => open.shift());
      resolve(new Response(body, { status }));
    },
    get asked() {
      return world.app.at("/service").length;
    },
  };
}

function callService(settings: Partial<CallSettings> = {}) {
  const service = serveService();
  const branch = new OpenBranch(world, {
    open: async (context) => {
      const call = { url: service.url, method: "POST", body: "question", ...settings } as const;
      const { status, body } = await context.call("ask", call);
      return { status, body };
    },
  });
  return { branch, service };
}

const answered = { status: 200, body: "answer" };

test("S35: an answer that comes between failure and resume is kept, and told to the resumed run", async () => {
  const { branch, service } = callService();
  await branch.fail();
  const deliveries = branch.deliveriesOf(branch.runId);
  await service.answer(200, "answer");
  await branch.waitsIn("answered");
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: answered, bad: 2, after: 1 });
  expect(branch.deliveriesOf(branch.runIds[0] ?? "")).toBe(deliveries);
  expect(service.asked).toBe(1);
});

test("S35: an answer that comes after the resume is told to the new run", async () => {
  const { branch, service } = callService();
  await branch.fail();
  await branch.healAndRevive();
  await service.answer(200, "answer");
  expect(await branch.result()).toEqual({ value: answered, bad: 2, after: 1 });
  expect(service.asked).toBe(1);
  // The branch that had failed, its result, the answer, its result, and the step behind both: the call was not asked for again.
  expect(branch.deliveriesOf(branch.runId)).toBe(5);
});

test.each([
  ["meanwhile", false],
  ["afterwards", true],
])(
  "S35: a failure of the service %s is the result of the step and fails no run",
  async (_name, isLate) => {
    const { branch, service } = callService();
    await branch.fail();
    if (!isLate) await service.answer(503, "full");
    await branch.healAndRevive();
    if (isLate) await service.answer(503, "full");
    const { value } = await branch.result();
    expect(value).toEqual({ status: 503, body: "full" });
    expect(service.asked).toBe(1);
  },
);

test("S35: a call that waits for its retry goes on with it, and does not begin anew", async () => {
  const { branch, service } = callService({ retries: 2, retryDelay: "1500" });
  await branch.fail();
  await service.answer(503, "full");
  await until("the retry to be planned", async () => {
    const where = [{ type: "in", column: "kind", values: ["call"] }] as const;
    const messages = await world.store.list("messages", { where, order: "ascending", limit: 9 });
    return messages.some(({ retried, state }) => retried === 1 && state === "scheduled");
  });
  await branch.healAndRevive();
  await service.answer(200, "answer");
  expect(await branch.result()).toEqual({ value: answered, bad: 2, after: 1 });
  const retried = world.app.at("/service").map(({ headers }) => headers["upstash-retried"]);
  expect(retried).toEqual(["0", "1"]);
});

test("S35: a call that has not begun begins once, for the resumed run", async () => {
  const flowControl = { key: "service", parallelism: 1 } as const;
  await world.call("POST", "/v2/flowControl/service/pause");
  const { branch, service } = callService({ flowControl });
  await branch.fail();
  await branch.healAndRevive();
  expect(service.asked).toBe(0);
  await world.call("POST", "/v2/flowControl/service/resume");
  await service.answer(200, "answer");
  expect(await branch.result()).toEqual({ value: answered, bad: 2, after: 1 });
  expect(service.asked).toBe(1);
});

test("S35: an answer that was kept over one resume is there after the second", async () => {
  const { branch, service } = callService();
  await branch.fail();
  await branch.resumeInVain();
  await service.answer(200, "answer");
  await until("the answer", async () => {
    const states = (await branch.waits()).map(({ state }) => state);
    return states.includes("answered") || states.includes("done");
  });
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: answered, bad: 3, after: 1 });
  expect(service.asked).toBe(1);
});

test("S35: an answer that the app did not take fails the run, and is told again by a resume without asking again", async () => {
  const service = serveService();
  const counts = { other: 0, after: 0 };
  let isDown = true;
  const workflow = world.workflow(async (context) => {
    const call = { url: service.url, method: "POST", body: "question" } as const;
    const [{ status, body }] = await Promise.all([
      context.call("ask", call),
      context.run("other", () => {
        counts.other += 1;
      }),
    ]);
    await context.run("after", () => {
      counts.after += 1;
    });
    return { status, body };
  });
  const url = world.app.on("/flow", (request) =>
    isDown && request.headers.get("upstash-workflow-callback") === "true"
      ? new Response("down", { status: 503 })
      : workflow(request),
  );
  const runId = await world.trigger({ url, retries: 0 });
  await until("the other branch", () => counts.other === 1);
  await service.answer(200, "answer");
  const { dlqId, responseStatus } = await world.deadLetter(runId);
  expect(responseStatus).toBe(503);
  isDown = false;
  const { workflowRuns } = await world.client.dlq.resume(dlqId);
  const run = await world.succeeded(workflowRuns[0]?.workflowRunId ?? "");
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(answered);
  expect(counts).toEqual({ other: 1, after: 1 });
  expect(service.asked).toBe(1);
});

test("S35: a call under way survives the restart of the server between failure and resume", async () => {
  const { branch, service } = callService();
  await branch.fail();
  await service.answer(200, "answer");
  await branch.waitsIn("answered");
  await world.restartServer();
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: answered, bad: 2, after: 1 });
  expect(service.asked).toBe(1);
});

test("S36: a restart asks the service itself, and what it answered the failed run is of no account", async () => {
  const { branch, service } = callService();
  await branch.fail();
  // A call that has not begun by then never does.
  await until("the first request", () => service.asked === 1);
  await branch.healAndRevive("restart");
  await until("the second request", () => service.asked === 2);
  await service.answer(200, "for the failed run");
  await service.answer(200, "for the restarted run");
  const { value } = await branch.result();
  expect(value).toEqual({ status: 200, body: "for the restarted run" });
  expect((await branch.waits()).map(({ state }) => state)).toEqual(["dropped", "done"]);
});

test("S15: once the entry is deleted a call that has not begun does not begin", async () => {
  await world.call("POST", "/v2/flowControl/service/pause");
  const { branch, service } = callService({ flowControl: { key: "service", parallelism: 1 } });
  await branch.fail();
  await world.client.dlq.delete((await world.deadLetter(branch.runId)).dlqId);
  await branch.waitsIn("dropped");
  await world.call("POST", "/v2/flowControl/service/resume");
  await world.server.close();
  expect(service.asked).toBe(0);
});
