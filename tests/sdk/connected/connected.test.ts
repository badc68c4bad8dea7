import { createServer } from "node:http";
import { createWorkflow, serve, type WorkflowContext } from "@reprise/sdk";
import { serve as serveByHttp } from "@reprise/sdk/node";
import { describe, expect, test } from "vitest";
import { createWorld, gate, until } from "./world.ts";

/** Apps of the SDK over real connections to a real server. */

const world = createWorld();

/** Three steps, which tell what they have done. */
function threeSteps(done: string[], name = "") {
  return createWorkflow(async (context: WorkflowContext<string>) => {
    for (const step of ["one", "two", "three"]) {
      await context.run(step, () => {
        done.push(`${name}${step}`);
        return step;
      });
    }
    return context.requestPayload;
  });
}

describe("a workflow of a connected app", () => {
  test("runs without a port, a URL or a signature", async () => {
    const done: string[] = [];
    const { connection } = await world.app({ order: threeSteps(done) });
    expect(connection.url("order")).toBe("http://shop.connected.alt/order");
    const { workflowRunId } = await world.client.trigger({
      url: connection.url("order"),
      body: "paid",
    });
    expect(await world.succeeded(workflowRunId)).toBe('"paid"');
    expect(done).toEqual(["one", "two", "three"]);
    expect(await world.stepNames(workflowRunId)).toEqual(["init", "one", "two", "three"]);
  });

  test("may sleep, wait for events, call, invoke, and run branches side by side", async () => {
    const child = createWorkflow(async (context: WorkflowContext<number>) =>
      context.run("double", () => 2 * context.requestPayload),
    );
    const parent = createWorkflow(async (context: WorkflowContext<undefined>) => {
      await context.sleep("nap", 1);
      const [a, b] = await Promise.all([
        context.run("a", () => 1),
        context.run("b", async () => 2),
      ]);
      const invoked = await context.invoke("ask", { workflow: child, body: a + b });
      const { eventData } = await context.waitForEvent("event", "go", { timeout: "1m" });
      return { invoked: invoked.body, eventData };
    });
    const { connection } = await world.app({ parent, child });
    const { workflowRunId } = await world.client.trigger({ url: connection.url("parent") });
    await until(async () => {
      const [told] = await world.client.notify({ eventId: "go", eventData: { is: "here" } });
      return told;
    });
    expect(JSON.parse((await world.succeeded(workflowRunId)) ?? "")).toEqual({
      invoked: 6,
      eventData: { is: "here" },
    });
  });

  test("is retried when a step fails, from the step on", async () => {
    const done: string[] = [];
    const order = serve<string>(async (context) => {
      await context.run("first", () => void done.push("first"));
      await context.run("second", () => {
        done.push("second");
        if (done.length === 2) throw new Error("not yet");
      });
    });
    const { connection } = await world.app({ order });
    const { workflowRunId } = await world.client.trigger({
      url: connection.url("order"),
      retries: 1,
      retryDelay: "1",
    });
    await world.succeeded(workflowRunId);
    expect(done).toEqual(["first", "second", "second"]);
  });

  test("runs beside those of apps that are dialled, calls them, and is called by them", async () => {
    const done: string[] = [];
    const order = threeSteps(done, "connected ");
    const dialled = createServer(
      serveByHttp<string>(
        async (context) => {
          await context.run("one", () => void done.push("dialled one"));
          return context.run("two", () => "from afar");
        },
        { qstashClient: world.client, receiver: undefined },
      ),
    );
    await new Promise<void>((resolve) => dialled.listen(0, "127.0.0.1", resolve));
    const address = dialled.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/far`;
    const caller = createWorkflow(async (context: WorkflowContext<undefined>) => {
      const { body } = await context.call("call", { url: `${url}?called`, method: "POST" });
      return typeof body;
    });
    const { connection } = await world.app({ order, caller });
    const targets = [url, connection.url("order"), connection.url("caller")];
    const runs = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        world.client.trigger({ url: targets[index % 3] ?? "", body: "x", retries: 0 }),
      ),
    );
    for (const { workflowRunId } of runs) await world.succeeded(workflowRunId);
    expect(done.filter((text) => text.startsWith("connected"))).toHaveLength(30);
    expect(done.filter((text) => text === "dialled one").length).toBeGreaterThanOrEqual(10);
    await new Promise((resolve) => dialled.close(resolve));
  });
});

describe("a message", () => {
  test("reaches any function that answers requests", async () => {
    const heard: string[] = [];
    const { connection } = await world.app({
      "hooks/paid": async (request) => {
        heard.push(`${request.method} ${request.url} ${await request.text()}`);
        return new Response("thanks", { status: 201 });
      },
    });
    await fetch(`${world.server.url}/v2/publish/${connection.url("hooks/paid")}?a=1`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.server.token}`, "upstash-method": "PUT" },
      body: "body",
    });
    await until(() => heard.length === 1);
    expect(heard).toEqual(["PUT http://shop.connected.alt/hooks/paid?a=1 body"]);
  });

  test("to a route that is not served fails with the names of those that are", async () => {
    await world.app({ order: threeSteps([]) });
    const response = await fetch(`${world.server.url}/v2/publish/http://shop.connected.alt/other`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.server.token}`, "upstash-retries": "0" },
    });
    expect(response.status).toBe(200);
    const dead = await until(async () => {
      const answer = await fetch(`${world.server.url}/v2/dlq`, {
        headers: { authorization: `Bearer ${world.server.token}` },
      });
      return JSON.parse(await answer.text()).messages[0];
    });
    expect(dead).toMatchObject({
      responseStatus: 404,
      responseBody: expect.stringContaining("these routes are: order"),
    });
  });
});

describe("a process that is cut off in the middle of a step", () => {
  test("is taken over by another one; the step is recorded once, and the run ends", async () => {
    const inStep = gate();
    const mayEnd = gate();
    const done: string[] = [];
    const first = createWorkflow(async (context: WorkflowContext<undefined>) => {
      await context.run("one", () => void done.push("first one"));
      await context.run("two", async () => {
        done.push("first two");
        inStep.open();
        await mayEnd.opened;
      });
      await context.run("three", () => void done.push("first three"));
    });
    const second = createWorkflow(async (context: WorkflowContext<undefined>) => {
      for (const step of ["one", "two", "three"]) {
        await context.run(step, () => void done.push(`second ${step}`));
      }
    });
    const one = await world.app({ order: first });
    const { workflowRunId } = await world.client.trigger({ url: one.connection.url("order") });
    await inStep.opened;
    await world.app({ order: second });
    one.cut();
    await world.succeeded(workflowRunId);
    mayEnd.open();
    one.mend();
    await until(() => one.states.includes("waiting") && one.connection.state === "connected");
    expect(done).toEqual(["first one", "first two", "second two", "second three"]);
    expect(await world.stepNames(workflowRunId)).toEqual(["init", "one", "two", "three"]);
    expect(one.states).toEqual(["connected", "waiting", "connecting", "connected"]);
  });
});

describe("a process that drains", () => {
  test("ends the step that it is in, and hands the run over, without a retry", async () => {
    const inStep = gate();
    const mayEnd = gate();
    const done: string[] = [];
    const workflow = (name: string) =>
      createWorkflow(async (context: WorkflowContext<undefined>) => {
        await context.run("one", async () => {
          done.push(`${name} one`);
          inStep.open();
          await mayEnd.opened;
        });
        await context.run("two", () => void done.push(`${name} two, try ${context.retried}`));
      });
    const one = await world.app({ order: workflow("first") });
    const { workflowRunId } = await world.client.trigger({ url: one.connection.url("order") });
    await inStep.opened;
    await world.app({ order: workflow("second") });
    const drained = one.connection.drain();
    expect(one.connection.state).toBe("draining");
    mayEnd.open();
    await drained;
    await world.succeeded(workflowRunId);
    expect(done).toEqual(["first one", "second two, try 0"]);
    expect(one.states).toEqual(["connected", "draining", "closed"]);
  });

  test("loses nothing under load", async () => {
    const done: string[] = [];
    const retried = new Set<number>();
    const workflow = () =>
      createWorkflow(async (context: WorkflowContext<undefined>) => {
        retried.add(context.retried);
        await context.run("one", () => void done.push("one"));
        await context.run("two", () => void done.push("two"));
      });
    let app = await world.app({ order: workflow() }, { parallelism: 10 });
    const runs: string[] = [];
    for (let round = 0; round < 5; round++) {
      const more = await world.client.trigger(
        Array.from({ length: 20 }, () => ({ url: app.connection.url("order") })),
      );
      runs.push(...more.map(({ workflowRunId }) => workflowRunId));
      const next = await world.app({ order: workflow() }, { parallelism: 10 });
      await app.connection.drain();
      app = next;
    }
    for (const runId of runs) await world.succeeded(runId);
    expect(done).toHaveLength(200);
    expect([...retried]).toEqual([0]);
  });
});

describe("a server that is restarted", () => {
  test("finds its apps again, and no step is done twice", async () => {
    const inStep = gate();
    const mayEnd = gate();
    const done: string[] = [];
    const order = createWorkflow(async (context: WorkflowContext<undefined>) => {
      await context.run("one", async () => {
        done.push("one");
        inStep.open();
        await mayEnd.opened;
      });
      await context.run("two", () => void done.push("two"));
    });
    const { connection, states } = await world.app({ order });
    const { workflowRunId } = await world.client.trigger({ url: connection.url("order") });
    await inStep.opened;
    const stopped = world.stop();
    await until(() => states.includes("waiting"));
    mayEnd.open();
    await stopped;
    await world.start();
    await world.succeeded(workflowRunId);
    expect(done).toEqual(["one", "two"]);
    expect(connection.state).toBe("connected");
  });
});

describe("a run that is cancelled", () => {
  test("does no further step", async () => {
    const inStep = gate();
    const mayEnd = gate();
    const done: string[] = [];
    const order = createWorkflow(async (context: WorkflowContext<undefined>) => {
      await context.run("one", async () => {
        inStep.open();
        await mayEnd.opened;
      });
      await context.run("two", () => void done.push("two"));
    });
    const { connection } = await world.app({ order });
    const { workflowRunId } = await world.client.trigger({ url: connection.url("order") });
    await inStep.opened;
    await world.client.cancel({ ids: workflowRunId });
    mayEnd.open();
    // The place of the cancelled delivery is free at once.
    await connection.drain();
    expect(done).toEqual([]);
  });
});
