// Webhooks: URLs that anybody may call, and steps that wait for such calls.

import { request } from "node:http";
import { expect, test } from "vitest";
import { gate, recordsOf, resultAt, resultOf, waitersFor, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

interface Seen {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly body?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout: boolean;
}

/** A run that makes a webhook and waits for `count` calls of it, once it is `freed`. */
async function startHooked(options: { count?: number; freed?: Promise<void> } = {}) {
  const { count = 1, freed } = options;
  const made: string[] = [];
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    await context.run("hold", async () => {
      made.push(webhook.webhookUrl);
      await freed;
    });
    const seen: Seen[] = [];
    for (let n = 1; n <= count; n += 1) {
      const { request: got, timeout } = await context.waitForWebhook(`wait ${n}`, webhook, "1h");
      const headers = Object.fromEntries(got?.headers ?? []);
      const body = await got?.text();
      seen.push({ method: got?.method, url: got?.url, body, headers, timeout });
    }
    return seen;
  });
  const runId = await world.trigger({ url });
  const hook = await until("a webhook", () => made[0]);
  return { runId, hook, eventId: hook.split("/").at(-1) ?? "" };
}

async function seenBy(runId: string): Promise<readonly Seen[]> {
  return resultOf<readonly Seen[]>(await world.succeeded(runId));
}

test("the URL of a webhook names the server, the user, the run and a random event", async () => {
  const { runId, hook } = await startHooked();
  const { UserID } = JSON.parse(Buffer.from(world.token, "base64").toString());
  const prefix = `${world.server.url}/v2/workflows/hooks/${UserID}/${runId}/evt_`;
  expect(hook.slice(0, prefix.length)).toBe(prefix);
  expect(hook.slice(prefix.length)).toMatch(/^[A-Za-z0-9_-]{15}$/);
});

test("a call without a token wakes the run, with its method, URL, headers and body", async () => {
  const { runId, hook, eventId } = await startHooked();
  await waiting(world, eventId);
  const url = `${hook}?a=1&b=%2F%20&c=ü`;
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-one": "1", authorization: "Bearer theirs" },
    body: '{"ü":"漢😀"}',
  });
  expect(answer.status).toBe(200);
  const [seen] = await seenBy(runId);
  expect(seen).toMatchObject({
    method: "POST",
    url: new URL(url).href,
    body: '{"ü":"漢😀"}',
    timeout: false,
  });
  expect(seen?.headers).toMatchObject({
    "content-type": "application/json",
    "x-one": "1",
    authorization: "Bearer theirs",
    host: new URL(hook).host,
  });
  await world.close();
  expect(world.app.at("/flow").filter(({ status }) => status === 200)).toHaveLength(4);
});

test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
  "%s is taken as it is",
  async (method) => {
    const { runId, hook, eventId } = await startHooked();
    await waiting(world, eventId);
    const hasBody = ["POST", "PUT", "PATCH", "DELETE"].includes(method);
    const answer = await fetch(hook, { method, ...(hasBody ? { body: "b" } : {}) });
    expect(answer.status).toBe(200);
    const [seen] = await seenBy(runId);
    expect(seen).toMatchObject({ method, url: hook, timeout: false });
    expect(seen?.body).toBe(hasBody ? "b" : "");
  },
);

test("a header that comes twice keeps both values, and names are canonical", async () => {
  const { runId, hook, eventId } = await startHooked();
  await waiting(world, eventId);
  const { hostname, port, pathname } = new URL(hook);
  await new Promise<void>((resolve, reject) => {
    const headers = { "x-TWICE": ["a", "b"] };
    const outgoing = request({ hostname, port, path: pathname, method: "POST", headers });
    outgoing.on("response", (response) => response.resume().on("end", resolve));
    outgoing.on("error", reject).end("x");
  });
  const [seen] = await seenBy(runId);
  expect(seen?.headers?.["x-twice"]?.split(/,\s*/)).toEqual(["a", "b"]);
});

test("a body of any bytes is kept byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    await context.run("call", async () => {
      const headers = { "content-type": "application/octet-stream" };
      return (await fetch(webhook.webhookUrl, { method: "POST", body: bytes, headers })).status;
    });
    await context.waitForWebhook("wait", webhook, "1h");
    await context.sleep("nap", "1h");
  });
  const runId = await world.trigger({ url });
  const records = await until("the nap", async () => {
    const all = await recordsOf(world, runId);
    return all.length === 4 && all;
  });
  const { out, ...rest } = records[2] ?? {};
  expect(rest).toMatchObject({ stepType: "WaitForWebhook", stepId: 3, concurrent: 1 });
  const event = JSON.parse(Buffer.from(String(out), "base64").toString());
  expect(Buffer.from(event.body, "base64")).toEqual(Buffer.from(bytes));
  expect(event).toMatchObject({
    method: "POST",
    proto: "http",
    host: new URL(world.server.url).host,
    url: expect.stringMatching(/^\/v2\/workflows\/hooks\/[^/]+\/wfr_[^/]+\/evt_[^/]+$/),
    header: { "Content-Type": ["application/octet-stream"] },
  });
});

test("calls that come early are taken in their order, one by each wait", async () => {
  const { opened: freed, open: free } = gate();
  const { runId, hook, eventId } = await startHooked({ count: 4, freed });
  for (const n of [1, 2, 3]) {
    expect((await fetch(`${hook}?n=${n}`, { method: "POST", body: `${n}` })).status).toBe(200);
  }
  free();
  await waiting(world, eventId);
  await fetch(`${hook}?n=4`, { method: "POST", body: "4" });
  expect((await seenBy(runId)).map(({ body, url }) => [body, url?.slice(-4)])).toEqual([
    ["1", "?n=1"],
    ["2", "?n=2"],
    ["3", "?n=3"],
    ["4", "?n=4"],
  ]);
});

test("nobody has called when the time is up", async () => {
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    const { request: got, timeout } = await context.waitForWebhook("wait", webhook, "1s");
    return { got, timeout };
  });
  expect(await resultAt(world, url)).toEqual({ timeout: true });
});

test("a run may have several webhooks, and wait for them at once", async () => {
  const url = world.serve("/flow", async (context) => {
    const first = await context.createWebhook("first");
    const second = await context.createWebhook("second");
    await context.run("call", async () => {
      await fetch(second.webhookUrl, { method: "POST", body: "second" });
      await fetch(first.webhookUrl, { method: "POST", body: "first" });
    });
    const answers = await Promise.all([
      context.waitForWebhook("wait first", first, "1h"),
      context.waitForWebhook("wait second", second, "1h"),
    ]);
    return Promise.all(answers.map(({ request: got }) => got?.text()));
  });
  expect(await resultAt(world, url)).toEqual(["first", "second"]);
});

test("two branches that wait for the same webhook take a call each", async () => {
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    await context.run("call", async () => {
      await fetch(webhook.webhookUrl, { method: "POST", body: "1" });
      await fetch(webhook.webhookUrl, { method: "POST", body: "2" });
    });
    const branches = ["a", "b"].map((name) => context.waitForWebhook(name, webhook, "1h"));
    return Promise.all((await Promise.all(branches)).map(({ request: got }) => got?.text()));
  });
  expect((await resultAt<string[]>(world, url)).toSorted()).toEqual(["1", "2"]);
});

test("a webhook of no run, or of one that has ended, is nowhere", async () => {
  const { runId, hook, eventId } = await startHooked();
  await waiting(world, eventId);
  await fetch(hook, { method: "POST" });
  await world.succeeded(runId);
  for (const url of [hook, hook.replace(runId, "wfr_unknown")]) {
    const answer = await fetch(url, { method: "POST", body: "x" });
    expect([answer.status, await answer.json()]).toEqual([
      404,
      { code: "not_found", error: expect.stringMatching(/no such webhook/) },
    ]);
  }
});

test("a webhook wakes no step that waits for an event", async () => {
  const url = world.serve("/flow", (context) =>
    context.waitForEvent("wait", "payment", { timeout: "1h" }),
  );
  const runId = await world.trigger({ url });
  await waiting(world, "payment");
  const forged = `${world.server.url}/v2/workflows/hooks/anybody/${runId}/payment`;
  const answer = await fetch(forged, { method: "POST", body: '{"paid":true}' });
  expect(answer.status).toBe(200);
  expect(await waitersFor(world, "payment")).toHaveLength(1);
  await world.client.notify({ eventId: "payment", eventData: "of an event" });
  expect(resultOf(await world.succeeded(runId))).toEqual({
    eventData: "of an event",
    timeout: false,
  });
});

test("too many calls that no step takes are refused, and those before them are kept", async () => {
  const { opened: freed, open: free } = gate();
  const { runId, hook } = await startHooked({ freed });
  const statuses: number[] = [];
  while (statuses.length < 1_000) {
    const calls = Array.from({ length: 100 }, () => fetch(hook, { method: "POST" }));
    statuses.push(...(await Promise.all(calls)).map(({ status }) => status));
  }
  expect(new Set(statuses)).toEqual(new Set([200]));
  const answer = await fetch(hook, { method: "POST" });
  expect([answer.status, await answer.text()]).toEqual([
    429,
    expect.stringMatching(/called too often/),
  ]);
  free();
  expect(await seenBy(runId)).toHaveLength(1);
});

test("a body that is too large is refused", async () => {
  const { hook } = await startHooked();
  const body = new Uint8Array(10 * 1024 * 1024 + 1);
  expect((await fetch(hook, { method: "POST", body })).status).toBe(413);
});
