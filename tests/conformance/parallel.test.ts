// Parallel groups of every kind of step with every other.

import type { WorkflowContext } from "@upstash/workflow";
import { expect, test } from "vitest";
import { Counters } from "./counters.ts";
import { expectDeliveries } from "./sdk.ts";
import { gate, invokable, resultOf, serveTogether, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

type Kind = (context: WorkflowContext, name: string) => Promise<unknown>;

const serveChild = () =>
  invokable<string>(async (context) => context.run("work", () => context.requestPayload));
let child = serveChild();

/** One step of each kind; all but sleeps give their own name. */
const kinds: Readonly<Record<string, Kind>> = {
  run: (context, name) => context.run(name, () => name),
  sleep: (context, name) => context.sleep(name, 0.1),
  sleepUntil: (context, name) => context.sleepUntil(name, Math.floor(Date.now() / 1000)),
  call: async (context, name) => {
    const url = `${world.app.url}/service?name=${name}`;
    return (await context.call(name, { url })).body;
  },
  waitForEvent: async (context, name) => (await context.waitForEvent(name, name)).eventData,
  notify: async (context, name) => (await context.notify(name, "nobody", name)).eventData,
  createWebhook: async (context, name) => {
    return typeof (await context.createWebhook(name)).webhookUrl === "string" && name;
  },
  waitForWebhook: async (context, name) => {
    const webhook = { webhookUrl: "", eventId: name };
    return (await context.waitForWebhook(name, webhook, "1h")).request?.text();
  },
  invoke: async (context, name) => {
    return (await context.invoke(name, { workflow: child, body: name })).body;
  },
};

function serveGroup(route: Kind): string {
  // A workflow keeps the client and the keys that it was served with first.
  child = serveChild();
  const parent = invokable(async (context) => route(context, ""));
  world.app.on(
    "/service",
    (request) => new Response(new URL(request.url).searchParams.get("name")),
  );
  return serveTogether(world, { parent, child })("parent");
}

/** Does for the waits of a run what others would do. */
async function serveWaits(runId: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (name.startsWith("waitForEvent")) {
      await world.client.notify({ eventId: name, eventData: name, workflowRunId: runId });
    }
    if (name.startsWith("waitForWebhook")) {
      const url = `${world.server.url}/v2/workflows/hooks/u/${runId}/${name}`;
      await fetch(url, { method: "POST", body: name });
    }
  }
}

const resultFrom = (name: string) => (name.startsWith("sleep") ? null : name);

const pairs = Object.keys(kinds).flatMap((first, index) =>
  Object.keys(kinds)
    .slice(index)
    .map((second) => [first, second] as const),
);

test.each(pairs)("%s and %s", async (first, second) => {
  const names = [`${first}-1`, `${second}-2`];
  const route: Kind = async (context) => {
    const both = await Promise.all([
      kinds[first]?.(context, names[0] ?? ""),
      kinds[second]?.(context, names[1] ?? ""),
    ]);
    await context.run("after", () => 1);
    return both;
  };
  const runId = await world.trigger({ url: serveGroup(route) });
  await serveWaits(runId, names);
  expect(resultOf(await world.succeeded(runId))).toEqual(names.map(resultFrom));
  await world.close();
  // The first, two plans, two results, the step behind them, and one more for the answer of each call.
  const calls = [first, second].filter((kind) => kind === "call").length;
  expectDeliveries(world.app.at("/many/parent"), 6 + calls);
});

test("fifty branches of all kinds join once", async () => {
  const names = Array.from({ length: 50 }, (_, index) => {
    const all = Object.keys(kinds);
    return `${all[index % all.length]}-${index}`;
  });
  const counters = new Counters();
  const route: Kind = async (context) => {
    const steps = names.map((name) => kinds[name.split("-")[0] ?? ""]?.(context, name));
    const results = await Promise.all(steps);
    await context.run("after", counters.step("after", 1));
    return results;
  };
  const runId = await world.trigger({ url: serveGroup(route) });
  await serveWaits(runId, names);
  expect(resultOf(await world.succeeded(runId))).toEqual(names.map(resultFrom));
  await world.close();
  expect(counters.all()).toEqual({ after: 1 });
  const calls = names.filter((name) => name.startsWith("call-")).length;
  expectDeliveries(world.app.at("/many/parent"), 1 + 2 * 50 + calls + 1);
});

test("groups of different kinds can follow each other", async () => {
  const route: Kind = async (context) => {
    const one = await Promise.all([
      kinds.call?.(context, "call-a"),
      kinds.invoke?.(context, "invoke-a"),
    ]);
    const between = await kinds.call?.(context, "call-between");
    const two = await Promise.all([
      kinds.waitForEvent?.(context, "waitForEvent-b"),
      kinds.call?.(context, "call-b"),
      kinds.run?.(context, "run-b"),
    ]);
    const three = await Promise.all([
      kinds.invoke?.(context, "invoke-c"),
      kinds.sleep?.(context, "sleep-c"),
    ]);
    return [...one, between, ...two, ...three];
  };
  const names = ["call-a", "invoke-a", "call-between", "waitForEvent-b", "call-b", "run-b"];
  const runId = await world.trigger({ url: serveGroup(route) });
  await serveWaits(runId, names);
  expect(resultOf(await world.succeeded(runId))).toEqual([...names, "invoke-c", null]);
  await world.close();
  expectDeliveries(world.app.at("/many/parent"), 1 + 5 + 2 + 7 + 4);
});

test("a group of one call and a nap joins whichever comes last", async () => {
  for (const [nap, pauseMs] of [
    [0.3, 0],
    [0, 300],
  ] as const) {
    const route: Kind = async (context) => {
      const url = `${world.app.url}/slow`;
      const [answer] = await Promise.all([context.call("ask", { url }), context.sleep("nap", nap)]);
      return answer.body;
    };
    const url = serveGroup(route);
    world.app.on("/slow", async () => {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      return new Response("came");
    });
    expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe("came");
  }
});

test("a branch that fails drops the others: nothing of them begins any more", async () => {
  const [mayFail, mayAnswer] = [gate(), gate()];
  const route: Kind = async (context) => {
    await Promise.all([
      context.sleep("nap", "1s"),
      context.waitForEvent("wait", "event"),
      context.call("ask", { url: `${world.app.url}/asked` }),
      context.run("broken", async () => {
        await mayFail.opened;
        throw new Error("broken");
      }),
    ]);
  };
  const url = serveGroup(route);
  world.app.on("/asked", async () => {
    await mayAnswer.opened;
    return new Response("asked");
  });
  const runId = await world.trigger({ url, retries: 0 });
  await waiting(world, "event");
  await until("the call", () => world.app.at("/asked")[0]);
  mayFail.open();
  await world.deadLetterIn(runId, null);
  const count = world.app.at("/many/parent").length;
  mayAnswer.open();
  await world.client.notify({ eventId: "event", eventData: "x" });
  await until("the end of the nap", async () => {
    const nap = (await world.log(runId))?.steps[1]?.steps[0];
    return Date.now() > (nap?.createdAt ?? 0) + 1_200;
  });
  await world.close();
  expectDeliveries(world.app.at("/many/parent"), count);
});
