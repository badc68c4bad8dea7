// What is sent into workflows: events for those that wait, and the playground, which begins runs and sends messages.

import type { MessageResource, RunPage } from "@reprise/protocol";
import { serve } from "@upstash/workflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { fill, isClosed, isLeftWithEscape, isRefused, openDialog } from "./dialogs.ts";

const DONE = { ...BY_DASHBOARD, status: 200 };

describe.skipIf(!hasBrowser())("what is sent", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
    // Its result is what the event brought along.
    world.shop.serve("/gate", (qstashClient) => {
      const { handler } = serve<{ readonly event: string }>(
        async (context) => {
          const { event } = context.requestPayload;
          const { eventData } = await context.waitForEvent("the gate", event, { timeout: "1d" });
          return eventData;
        },
        { qstashClient },
      );
      return handler;
    });
  });

  afterAll(() => world?.close());

  async function waiting(event: string): Promise<string> {
    const runId = await world.shop.trigger("/gate", { event });
    await until(`a waiter for ${event}`, async () => {
      const waiters = await world.shop.ask("GET", `/v2/waiters/${encodeURIComponent(event)}`);
      return Array.isArray(waiters) && waiters.length === 1;
    });
    return runId;
  }

  async function resultOf(runId: string): Promise<unknown> {
    const page = await world.shop.ask("GET", `/v2/workflows/logs?workflowRunId=${runId}`);
    // The answer of this server.
    return JSON.parse((page as RunPage).runs[0]?.workflowRunResponse ?? "null");
  }

  test("an event is notified with data, and the run that waited goes on with it", async () => {
    const { shop } = world;
    const event = "order 7/paid?";
    const runId = await waiting(event);
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/waiters");
    const row = page.getByRole("table", { name: "Waiting steps" }).getByRole("row");
    const opener = row.filter({ hasText: event }).getByRole("button", { name: "Notify" });
    await isLeftWithEscape(page, opener);
    const dialog = await openDialog(page, opener);
    expect(await dialog.getByLabel("Event").inputValue()).toBe(event);
    const long = "x".repeat(1_025);
    await fill(dialog, { Event: long, Data: '{"amount":7}' });
    await dialog.getByLabel("Event").press("Enter");
    await isRefused(dialog, /an event id must have 1 to 1024 characters/, {
      Event: long,
      Data: '{"amount":7}',
    });
    expect(await shop.stateOf(runId)).toBe("RUN_STARTED");
    await fill(dialog, { Event: event });
    await dialog.getByLabel("Event").press("Enter");
    await dialog.getByText("One run goes on:").waitFor();
    await shop.reaches(runId, "RUN_SUCCESS");
    expect(await resultOf(runId)).toEqual({ amount: 7 });
    expect(await auditOf(shop, "POST /v2/notify/*", event)).toMatchObject({
      ...DONE,
      status: 201,
      count: 1,
    });
    await dialog.getByRole("button", { name: "Notify" }).click();
    await dialog.getByText("Nobody waited for it.").waitFor();
    await page.keyboard.press("Escape");
    await isClosed(dialog);
    await page.getByText("No run waits").waitFor();
    noFaults(watched);
  });

  test("an event that came before anybody waited is listed until it is taken, and found by its name", async () => {
    const { shop } = world;
    const runId = await waiting("first");
    await shop.ask("POST", `/v2/notify/${runId}/second`, { body: "early" });
    await waiting("third");
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/waiters");
    const kept = page.getByRole("table", { name: "Kept events" }).getByRole("row");
    await kept.filter({ hasText: "second" }).getByRole("link", { name: runId }).waitFor();
    const waits = page.getByRole("table", { name: "Waiting steps" }).getByRole("row");
    await waits.filter({ hasText: "third" }).waitFor();
    expect(await waits.count()).toBe(3);
    await page.getByLabel("Event", { exact: true }).fill("first");
    await page.getByText("None: every event that came has been taken.").waitFor();
    await waits.filter({ hasText: "third" }).waitFor({ state: "detached" });
    await waits.filter({ hasText: "first" }).getByRole("link", { name: runId }).click();
    await page.getByRole("heading", { name: /gate/ }).first().waitFor();
    noFaults(watched);
  });

  test("the playground begins a run with payload, headers and labels, and leads to it", async () => {
    const { shop } = world;
    const watched = await openPage(world);
    const { page, visit } = watched;
    const main = page.locator("main");
    const send = page.getByRole("button", { name: "Send", exact: true });
    await visit("/playground");
    await fill(main, {
      "Workflow URL": `${shop.appUrl}/order`,
      Body: '{"id":4711}',
      Labels: "played",
      "Headers for the destination": "X-Tenant: acme\nnonsense",
    });
    await send.click();
    await main
      .getByRole("alert")
      .getByText(/line 2 of the headers/)
      .waitFor();
    await fill(main, { "Headers for the destination": "X-Tenant: 日本" });
    await send.click();
    await main
      .getByRole("alert")
      .getByText(/cannot send this/)
      .waitFor();
    await fill(main, { "Headers for the destination": "X-Tenant: acme", Delay: "soon" });
    await send.click();
    await main
      .getByRole("alert")
      .getByText(/Upstash-Delay/i)
      .waitFor();
    expect(await main.getByLabel("Body").inputValue()).toBe('{"id":4711}');
    await fill(main, { Delay: "" });
    const curl = (await main.locator("pre").textContent()) ?? "";
    expect(curl).toContain(`${shop.url}/v2/trigger/${encodeURIComponent(`${shop.appUrl}/order`)}`);
    expect(curl).toContain("'Upstash-Forward-X-Tenant: acme'");
    expect(curl).toContain(`--data-raw '{"id":4711}'`);
    await send.click();
    const link = main.getByRole("status").getByRole("link", { name: /^wfr_/ });
    const runId = (await link.textContent()) ?? "";
    await shop.reaches(runId, "RUN_SUCCESS");
    const runs = await shop.ask("GET", `/v2/workflows/logs?workflowRunId=${runId}`);
    expect(runs).toMatchObject({ runs: [{ labels: ["played"] }] });
    await link.click();
    await main.getByText("succeeded").first().waitFor();
    // Of a destination no more than its host is kept.
    const entry = await auditOf(shop, "POST /v2/trigger/*", shop.appUrl);
    expect(entry).toMatchObject(BY_DASHBOARD);
    noFaults(watched);
  });

  test("the playground publishes, and puts into a queue", async () => {
    const { shop } = world;
    const watched = await openPage(world);
    const { page, visit } = watched;
    const main = page.locator("main");
    const send = page.getByRole("button", { name: "Send", exact: true });
    const made = async (): Promise<MessageResource> => {
      const link = main.getByRole("status").getByRole("link", { name: /^msg_/ });
      const path = `/v2/messages/${await link.textContent()}`;
      return (await shop.ask("GET", path)) as MessageResource; // The answer of this server.
    };
    await visit("/playground");
    await main.getByLabel("Do").selectOption("message");
    await fill(main, {
      Destination: `${shop.appUrl}/held/played`,
      Body: "plain text",
      Retries: "1",
      "Flow-control key": "played",
      "Flow-control limits": "parallelism=1",
      "Headers for the destination": "X-Tenant: acme: eu",
    });
    await send.click();
    const message = await made();
    expect(message).toMatchObject({ body: "plain text", maxRetries: 1, flowControlKey: "played" });
    expect(message.header).toMatchObject({ "X-Tenant": ["acme: eu"] });
    expect(await auditOf(shop, "POST /v2/publish/*", shop.appUrl)).toMatchObject(BY_DASHBOARD);
    await main.getByLabel("Do").selectOption("queue");
    await fill(main, { Queue: "bad name" });
    await send.click();
    await main
      .getByRole("alert")
      .getByText(/a queue name must be/)
      .waitFor();
    await fill(main, { Queue: "played-queue", "Flow-control key": "", "Flow-control limits": "" });
    await send.click();
    await main.getByRole("status").waitFor();
    expect(await made()).toMatchObject({ queueName: "played-queue" });
    expect(await shop.ask("GET", "/v2/queues")).toMatchObject([{ name: "played-queue", lag: 1 }]);
    await main.getByRole("link", { name: /^msg_/ }).click();
    await page.getByRole("heading", { name: /^Message msg_/ }).waitFor();
    noFaults(watched);
  });
});
