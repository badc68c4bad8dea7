// Events, webhooks and invoked runs, against a server that knows the public wire alone.

import { describe } from "vitest";
import { type Case, testCases } from "./traces.ts";

const WAIT = { timeout: "1h" } as const;

/** Calls a webhook as somebody who knows nothing but its URL. */
async function callHook(url: string): Promise<void> {
  const headers = { "X-Own": "yes", "Content-Type": "text/plain" };
  const { status } = await fetch(`${url}?a=1`, { method: "PUT", headers, body: "ü" });
  if (status !== 200) throw new Error(`the webhook answers ${status}`);
}

interface HookEnd {
  readonly request?: Request | undefined;
  readonly timeout: boolean;
}

async function shown({ request, timeout }: HookEnd): Promise<unknown> {
  if (request === undefined) return timeout;
  const { search } = new URL(request.url);
  return [timeout, request.method, search, request.headers.get("x-own"), await request.text()];
}

const HOOK_RESULT = [false, "PUT", "?a=1", "yes", "ü"];

const webhooks: Readonly<Record<string, Case>> = {
  "a webhook that is called before anybody waits": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const webhook = await context.createWebhook("make");
        await context.run("call", () => callHook(webhook.webhookUrl));
        return shown(await context.waitForWebhook("wait", webhook, "1h"));
      }),
    }),
    result: HOOK_RESULT,
  },
  "a webhook that is called while somebody waits": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const webhook = await context.createWebhook("make");
        const [end] = await Promise.all([
          context.waitForWebhook("wait", webhook, "1h"),
          context.run("call", () => callHook(webhook.webhookUrl)),
        ]);
        return shown(end);
      }),
    }),
    result: HOOK_RESULT,
  },
  "a webhook that is called twice": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const webhook = await context.createWebhook("make");
        await context.run("call", () => callHook(webhook.webhookUrl));
        await context.run("call again", () => callHook(webhook.webhookUrl));
        const first = await context.waitForWebhook("wait", webhook, "1h");
        const second = await context.waitForWebhook("wait again", webhook, "1h");
        return [await shown(first), await shown(second)];
      }),
    }),
    result: [HOOK_RESULT, HOOK_RESULT],
  },
  "a webhook that nobody calls": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const webhook = await context.createWebhook("make");
        return shown(await context.waitForWebhook("wait", webhook, "60s"));
      }),
    }),
    result: true,
  },
};

const events: Readonly<Record<string, Case>> = {
  "an event that comes before the run waits for it": {
    workflows: (create) => ({
      flow: create(async (context) => {
        await context.notify("tell", "event/1", { b: "ü" }, context.workflowRunId);
        const { eventData, timeout } = await context.waitForEvent("wait", "event/1", WAIT);
        return { eventData, timeout };
      }),
    }),
    result: { eventData: { b: "ü" }, timeout: false },
  },
  "an event of the run, for which it waits": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const [{ eventData }] = await Promise.all([
          context.waitForEvent("wait", "event 1", WAIT),
          context.notify("tell", "event 1", "text", context.workflowRunId),
        ]);
        return eventData;
      }),
    }),
    result: "text",
  },
  "an event without data": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const [{ eventData, timeout }] = await Promise.all([
          context.waitForEvent("wait", "event", WAIT),
          context.notify("tell", "event", undefined),
        ]);
        return [eventData === undefined, timeout];
      }),
    }),
    result: [true, false],
  },
  "an event that does not come": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const end = await context.waitForEvent("wait", "event", { timeout: 30 });
        return [end.timeout, end.eventData === undefined];
      }),
    }),
    result: [true, true],
  },
  "an event for which nobody waits": {
    workflows: (create) => ({
      flow: create(async (context) => {
        const { notifyResponse } = await context.notify("tell", "event", 1);
        const other = await context.notify("tell another", "event", 1, "wfr_other");
        return [notifyResponse, other.notifyResponse];
      }),
    }),
    result: [[], [{ error: "the run has ended", messageId: "", workflowRunId: "wfr_other" }]],
  },
};

describe.each(["classic", "auto"] as const)("%s", (mode) => {
  testCases(mode, { ...webhooks, ...events });
});
