// Messages: cancelled, sent at once, read attempt by attempt, found in the log, and recovered when they are dead.

import type { DeadMessagePage, MessageResource, OpenMessagePage } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { copy } from "./copying.ts";
import { fill, isClosed, openDialog } from "./dialogs.ts";

const DONE = { ...BY_DASHBOARD, status: 200 };
const LATER = { "Upstash-Delay": "2h" };

describe.skipIf(!hasBrowser())("messages", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  async function publish(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body = "hello",
  ): Promise<string> {
    const { appUrl } = world.shop;
    const answer = await world.shop.ask("POST", `/v2/publish/${appUrl}${path}`, { headers, body });
    return (answer as { readonly messageId: string }).messageId; // The answer of this server.
  }

  /** Ids of the open messages with a label. */
  async function openIds(label: string): Promise<readonly string[]> {
    const page = await world.shop.ask("GET", `/v2/messages?label=${label}`);
    return (page as OpenMessagePage).messages.map(({ messageId }) => messageId); // The answer of this server.
  }

  async function deadOf(label: string) {
    const page = await world.shop.ask("GET", `/v2/dlq?label=${label}&order=earliestFirst`);
    return (page as DeadMessagePage).messages; // The answer of this server.
  }

  /** So many messages that a broken warehouse has refused for good. */
  async function failing(count: number, label: string): Promise<void> {
    const headers = { "Upstash-Retries": "0", "Upstash-Label": label };
    for (let index = 0; index < count; index++) {
      await publish("/broken/warehouse", headers, `{"parcel":${index}}`);
    }
    await until("the failures", async () => (await deadOf(label)).length === count);
  }

  async function opened(place: string) {
    const watched = await openPage(world);
    await watched.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await watched.visit(place);
    const { page } = watched;
    const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
    const select = (row: number) => page.getByLabel(`Select row ${row}`, { exact: true }).check();
    return { ...watched, button, select };
  }

  test("open ones are cancelled one by one, as a selection and by a filter", async () => {
    const { shop } = world;
    for (let index = 0; index < 7; index++) {
      await publish("/later", { ...LATER, "Upstash-Label": index < 4 ? "winter" : "summer" });
    }
    const watched = await opened("/messages?label=winter");
    const { page, button, select, visit } = watched;
    await page.getByText(/^4 in all/).waitFor();
    await select(1);
    await select(3);
    let dialog = await openDialog(page, button("Cancel 2 selected"));
    await dialog.getByText("2 messages", { exact: true }).waitFor();
    await dialog.getByRole("button", { name: "Cancel 2 messages" }).click();
    await dialog.getByText("2 messages cancelled.").waitFor();
    await page.keyboard.press("Escape");
    await isClosed(dialog);
    expect(await openIds("winter")).toHaveLength(2);
    expect(await auditOf(shop, "DELETE /v2/messages")).toMatchObject({
      ...DONE,
      status: 202,
      count: 2,
    });

    await page.getByLabel("Filter", { exact: true }).fill("state:waiting");
    await page.keyboard.press("Enter");
    // The API cannot choose by state: it would take more than is shown.
    await page.getByTitle("A cancel cannot choose by state: select messages instead").waitFor();
    expect(await button("Cancel all that match").isDisabled()).toBe(true);
    await visit("/messages?label=winter");
    dialog = await openDialog(page, button("Cancel all that match"));
    await dialog.getByRole("button", { name: "Cancel 2 messages" }).click();
    await dialog.getByText("finished").waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await isClosed(dialog);
    // Nothing jumps: what has gone is struck out.
    await page.getByTitle("No longer in this list").nth(1).waitFor();
    expect(await openIds("winter")).toEqual([]);
    const [id = ""] = await openIds("summer");
    expect(await openIds("summer")).toHaveLength(3);
    const entry = await auditOf(shop, "DELETE /v2/messages");
    expect(entry).toMatchObject({ ...DONE, status: 202 });
    expect(entry.query).toContain("label=winter");

    await visit(`/messages/${id}`);
    dialog = await openDialog(page, button("Cancel"));
    await dialog.getByRole("button", { name: "Cancel the message" }).click();
    await isClosed(dialog);
    await page.getByText("It was cancelled.").waitFor();
    expect(await openIds("summer")).toHaveLength(2);
    const one = await auditOf(shop, "DELETE /v2/messages/:messageId", id);
    expect(one).toMatchObject({ ...DONE, status: 202 });
    noFaults(watched);
  });

  test("a message's page: settings, request, attempts, answer, callbacks and the way to them", async () => {
    const { shop } = world;
    const callback = `${shop.appUrl}/notify/failed`;
    const id = await publish(
      "/broken/page",
      {
        "Upstash-Retries": "0",
        "Upstash-Label": "page",
        "Upstash-Failure-Callback": callback,
        "Upstash-Callback": `${shop.appUrl}/notify/answered`,
        "Upstash-Forward-X-Tenant": "acme's",
        "Content-Type": "application/json",
      },
      '{"customer":"Ada"}',
    );
    await until("the failure", async () => (await deadOf("page")).length === 1);
    const watched = await opened(`/messages/${id}`);
    const { page, button } = watched;
    const main = page.locator("main");
    await main.getByText("Its retries are used up; it waits in the dead letter queue.").waitFor();
    await main.getByText(`${shop.appUrl}/notify/answered`, { exact: true }).waitFor();
    await main.getByText("customer").waitFor();
    await main.locator("summary").filter({ hasText: "503" }).first().click();
    await main.getByText("retry-after").first().waitFor();
    await main
      .getByText(/closed for stocktaking/)
      .first()
      .waitFor();
    await copy(page, button("Copy as curl"));
    const curl = String(await page.evaluate("navigator.clipboard.readText()"));
    expect(curl).toContain(`--url ${shop.appUrl}/broken/page`);
    expect(curl).toMatch(/-H 'x-tenant: acme'\\''s'/i);
    expect(curl).toContain(`--data-raw '{"customer":"Ada"}'`);

    // The log of the failure callback, and back to what it is about.
    const ended = main.locator("dd").filter({ hasText: callback }).getByRole("link");
    await ended.click();
    await page.getByRole("heading", { name: "Logs" }).waitFor();
    const rows = page.getByRole("grid", { name: "Log" }).getByRole("row");
    await rows.filter({ hasText: "delivered" }).getByRole("link").first().click();
    await main.getByText("callback of").waitFor();
    await main.getByRole("link", { name: id, exact: true }).click();
    await page.getByRole("heading", { name: `Message ${id}` }).waitFor();
    await page.getByRole("link", { name: "Open the dead letter" }).click();
    await page.getByText(`message`, { exact: true }).first().waitFor();
    await page.getByText(/^1 in all/).waitFor();
    noFaults(watched);
  });

  test("a message that waits for its time is sent at once, and the page sees it delivered", async () => {
    const { shop } = world;
    const id = await publish("/notify/now", LATER);
    const watched = await opened(`/messages/${id}`);
    const { page, button } = watched;
    await page.locator("main").getByText("scheduled").first().waitFor();
    await button("Send now").click();
    await page.getByText("It has been delivered.").waitFor();
    await button("Send now").waitFor({ state: "detached" });
    expect(await auditOf(shop, "POST /v2/messages/:messageId/retry", id)).toMatchObject(DONE);
    noFaults(watched);
  });

  test("the log is filtered by what happened, goes on by itself, and leads to the message", async () => {
    const { shop } = world;
    await publish("/broken/logged", { "Upstash-Retries": "0", "Upstash-Label": "logged" });
    await until("the failure", async () => (await deadOf("logged")).length === 1);
    const watched = await opened("/logs");
    const { page, visit } = watched;
    const rows = page.getByRole("grid", { name: "Log" }).locator("[data-index]");
    await page.getByLabel("Filter", { exact: true }).fill("state:failed label:logged");
    await page.keyboard.press("Enter");
    await page.getByText(/^1 in all/).waitFor();
    await expect.poll(() => rows.count()).toBe(1);
    expect(await rows.first().textContent()).toContain("failed");
    await page.getByLabel("Filter", { exact: true }).fill("state:nonsense");
    await page.keyboard.press("Enter");
    await page
      .getByRole("alert")
      .getByText(/state cannot be "nonsense"/)
      .waitFor();

    await visit(`/logs?url=${encodeURIComponent(`${shop.appUrl}/notify/live`)}`);
    await page.getByText("Nothing matches").waitFor();
    const id = await publish("/notify/live");
    await rows.filter({ hasText: "delivered" }).first().click();
    await page.getByRole("heading", { name: `Message ${id}` }).waitFor();
    noFaults(watched);
  });

  test("dead ones: one retried with other settings, one deleted from its pane", async () => {
    const { shop } = world;
    await failing(2, "dead-one");
    const watched = await opened("/failures/entries?kind=messages&label=dead-one");
    const { page, select, button } = watched;
    await page.getByText(/^2 in all/).waitFor();
    await select(1);
    let dialog = await openDialog(page, button("Recover 1 selected"));
    await dialog.getByText("Other settings").click();
    await fill(dialog, { Retries: "5", "Retry delay": "600000", Labels: "second-try" });
    await dialog.getByRole("button", { name: "Retry 1 message" }).click();
    await dialog.getByText("1 of 1 retried").waitFor();
    const again = (await dialog.getByRole("link", { name: /^msg_/ }).textContent()) ?? "";
    await dialog.getByRole("button", { name: "Close" }).last().click();
    const path = `/v2/messages/${again}`;
    const made = (await shop.ask("GET", path)) as MessageResource; // The answer of this server.
    expect(made).toMatchObject({ maxRetries: 5, labels: ["second-try"] });
    const retries = await auditOf(shop, "POST /v2/dlq/retry/:dlqId");
    expect(retries).toMatchObject({ ...DONE, status: 201 });
    await page.getByText(/^1 in all/).waitFor();
    const [left] = await deadOf("dead-one");
    await page.locator("[data-index]:not([title])").click();
    const pane = page.getByRole("complementary", { name: `Dead letter ${left?.dlqId}` });
    await pane
      .getByText(/closed for stocktaking/)
      .first()
      .waitFor();
    dialog = await openDialog(page, pane.getByRole("button", { name: /recover|retry/i }).first());
    await dialog.getByText("Delete", { exact: true }).click();
    await dialog.getByRole("button", { name: "Delete 1 message" }).click();
    await dialog.getByText("1 of 1 deleted").waitFor();
    expect(await deadOf("dead-one")).toEqual([]);
    noFaults(watched);
  });

  test("dead ones: a selection held and released, a group retried, a filter deleted", async () => {
    const { shop } = world;
    await failing(3, "dead-many");
    const watched = await opened("/failures/entries?kind=messages&label=dead-many");
    const { page, select, button, visit } = watched;
    const held = async () =>
      (await deadOf("dead-many")).filter(({ expiresAt }) => expiresAt === null).length;
    await page.getByText(/^3 in all/).waitFor();
    await select(1);
    await select(2);
    await button("Hold").click();
    await until("two held entries", async () => (await held()) === 2);
    expect(await auditOf(shop, "POST /v2/dlq/hold")).toMatchObject({ ...DONE, count: 2 });
    await button("Release").click();
    await until("no held entry", async () => (await held()) === 0);
    expect(await auditOf(shop, "POST /v2/dlq/release")).toMatchObject({ ...DONE, count: 2 });

    await visit("/failures?kind=messages&label=dead-many");
    let dialog = await openDialog(page, button("Recover 3 failures of this group"));
    await dialog.getByRole("button", { name: "Retry 3 messages" }).click();
    await dialog.getByText("3 of 3 retried").waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();
    // The warehouse is still closed.
    await until(
      "the failures of the second try",
      async () => (await deadOf("dead-many")).length === 3,
    );
    await visit("/failures/entries?kind=messages&label=dead-many");
    dialog = await openDialog(page, button("Recover all that match"));
    await dialog.getByText("Delete", { exact: true }).click();
    await dialog.getByRole("button", { name: "Delete 3 messages" }).click();
    await dialog.getByText("3 of 3 deleted").waitFor();
    expect(await deadOf("dead-many")).toEqual([]);
    const entry = await auditOf(shop, "DELETE /v2/dlq");
    expect(entry).toMatchObject(DONE);
    expect(entry.query).toContain("label=dead-many");
    noFaults(watched);
  });
});
