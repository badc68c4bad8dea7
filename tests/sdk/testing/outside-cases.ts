import { createWorkflow, type WorkflowContext } from "@reprise/sdk";
import { broken, type Case, type CaseWorld, type Context, untilAttempt } from "./case.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const shown = ({ status, body }: Answer): Answer => ({ status, body });

const child = (world: CaseWorld) =>
  createWorkflow(async (context: WorkflowContext<{ readonly item: string }>) => {
    const { item } = context.requestPayload;
    await context.run("pack", () => world.count("pack"));
    return context.run("ship", () => `shipped ${item}`);
  });

const failing = (world: CaseWorld) =>
  createWorkflow(async (context: WorkflowContext<string>) =>
    context.run("drop", () => broken(world, "drop")),
  );

export const outsideCases: readonly Case[] = [
  ...["json", "text", "missing", "broken"].map(
    (path): Case => ({
      name: `a service answers /${path}`,
      calls: ["ask"],
      route: (world) => async (context: Context) =>
        shown(await context.call("ask", { url: `${world.serviceUrl}/${path}` })),
    }),
  ),
  {
    name: "a service answers at the third attempt",
    calls: ["ask"],
    route: (world) => async (context: Context) => {
      const url = `${world.serviceUrl}/flaky`;
      return shown(await context.call("ask", { url, retries: 3, retryDelay: "1" }));
    },
  },
  {
    name: "a service has no attempts left",
    calls: ["ask"],
    route: (world) => async (context: Context) => {
      const url = `${world.serviceUrl}/broken`;
      return shown(await context.call("ask", { url, retries: 2, retryDelay: "1" }));
    },
  },
  {
    name: "a service gets method, body and headers",
    calls: ["ask"],
    route: (world) => async (context: Context) =>
      shown(
        await context.call("ask", {
          url: `${world.serviceUrl}/echo`,
          method: "PUT",
          body: { item: "ä" },
          headers: { "X-Tenant": "acme" },
        }),
      ),
  },
  {
    name: "two services beside a step",
    calls: ["one", "two"],
    route: (world) => async (context: Context) => {
      const [one, two, three] = await Promise.all([
        context.call("one", { url: `${world.serviceUrl}/json` }),
        context.call("two", { url: `${world.serviceUrl}/text` }),
        context.run("three", () => world.count("three")),
      ]);
      return [shown(one), shown(two), three];
    },
  },
  ...[{ yes: true }, "text", 7].map(
    (data): Case => ({
      name: `an event brings ${JSON.stringify(data)}`,
      events: [{ eventId: "approval", data }],
      route: () => async (context: Context) => context.waitForEvent("wait", "approval"),
    }),
  ),
  {
    name: "nobody notifies the event",
    route: () => async (context: Context) =>
      context.waitForEvent("wait", "silence", { timeout: "1s" }),
  },
  {
    name: "events of two waits one behind the other",
    events: [
      { eventId: "second", data: 2 },
      { eventId: "first", data: 1 },
    ],
    route: () => async (context: Context) => {
      const first = await context.waitForEvent("one", "first");
      const second = await context.waitForEvent("two", "second");
      return [first, second];
    },
  },
  {
    name: "two waits beside each other",
    events: [
      { eventId: "b", data: "B" },
      { eventId: "a", data: "A" },
    ],
    route: () => async (context: Context) =>
      Promise.all([context.waitForEvent("one", "a"), context.waitForEvent("two", "b")]),
  },
  {
    name: "a run notifies itself ahead of its wait",
    route: () => async (context: Context) => {
      await context.notify("tell", "later", { from: "me" }, context.workflowRunId);
      return context.waitForEvent("wait", "later");
    },
  },
  {
    name: "a notification that nobody waits for",
    route: () => async (context: Context) => {
      const { notifyResponse, eventData } = await context.notify("tell", "nobody", { a: 1 });
      return { woken: notifyResponse.length, eventData };
    },
  },
  {
    name: "a webhook that nobody calls",
    route: () => async (context: Context) => {
      const webhook = await context.createWebhook("create");
      const { timeout } = await context.waitForWebhook("wait", webhook, "1s");
      return { timeout, isUrl: webhook.webhookUrl.startsWith("http") };
    },
  },
  {
    name: "a webhook that the run calls itself",
    route: (world) => async (context: Context) => {
      const webhook = await context.createWebhook("create");
      world.note("isUrl", URL.canParse(webhook.webhookUrl));
      await context.notify("tell", webhook.eventId, hookCall, context.workflowRunId);
      const { request } = await context.waitForWebhook("wait", webhook);
      return { method: request?.method, body: await request?.text() };
    },
  },
  {
    name: "an invoked workflow gives its result",
    siblings: (world) => ({ child: child(world) }),
    route: (world) => async (context: Context) =>
      context.invoke("delegate", {
        workflow: { ...child(world), workflowId: "child" },
        body: { item: "book" },
      }),
  },
  {
    name: "an invoked workflow fails",
    siblings: (world) => ({ failing: failing(world) }),
    route: (world) => async (context: Context) => {
      const workflow = { ...failing(world), workflowId: "failing" };
      const end = await context.invoke("delegate", { workflow, body: "x", retries: 0 });
      return { isFailed: end.isFailed, isCanceled: end.isCanceled, body: end.body };
    },
  },
  {
    name: "two invoked workflows beside each other",
    siblings: (world) => ({ child: child(world) }),
    route: (world) => async (context: Context) => {
      const workflow = { ...child(world), workflowId: "child" };
      const ends = await Promise.all([
        context.invoke("one", { workflow, body: { item: "a" } }),
        context.invoke("two", { workflow, body: { item: "b" } }),
      ]);
      return ends.map(({ body }) => body);
    },
  },
  {
    name: "an invoked workflow cancels itself",
    siblings: () => ({ quitting: quitting }),
    route: () => async (context: Context) => {
      const workflow = { ...quitting, workflowId: "quitting" };
      const { isCanceled, isFailed } = await context.invoke("delegate", { workflow, body: 1 });
      return { isCanceled, isFailed };
    },
  },
  {
    name: "a call, a wait and a retried step in one run",
    retryDelay: "1",
    calls: ["ask"],
    events: [{ eventId: "go", data: "now" }],
    route: (world) => async (context: Context) => {
      const { body } = await context.call("ask", { url: `${world.serviceUrl}/json` });
      const { eventData } = await context.waitForEvent("wait", "go");
      const flaky = await context.run("flaky", () => untilAttempt(2, world, "flaky"));
      return [body, eventData, flaky];
    },
  },
];

const quitting = createWorkflow(async (context: WorkflowContext<number>) => {
  await context.run("first", () => 1);
  await context.cancel();
});

/** A request as servers keep it for the step. */
const hookCall = {
  method: "POST",
  header: { "Content-Type": ["text/plain"] },
  body: btoa("hooked"),
  proto: "http",
  host: "app.test",
  url: "/hook?x=1",
};
