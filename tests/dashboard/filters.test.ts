// Filters as people type and click them, on every page that has them: they are in the address, and mean the same to the next person.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  type Watched,
} from "./browser-world.ts";
import type { Shop } from "./shop.ts";

const JSON_BODY = { "content-type": "application/json" };

/** Three runs that succeed, two that fail, one that waits; messages open and dead; a person who pauses a queue. */
async function fill(shop: Shop): Promise<void> {
  const web = { label: "web" };
  const good = await Promise.all([1, 2, 3].map((id) => shop.trigger("/order", { id }, web)));
  const bad = await Promise.all([4, 5].map((id) => shop.trigger("/order/failing", { id }, web)));
  await shop.trigger("/approval", {}, { label: "finance" });
  for (const runId of good) await shop.reaches(runId, "RUN_SUCCESS");
  for (const runId of bad) await shop.reaches(runId, "RUN_FAILED");
  const publish = (path: string, headers: Readonly<Record<string, string>>) =>
    shop.ask("POST", `/v2/publish/${shop.appUrl}${path}`, { headers, body: "x" });
  await publish("/later", { "Upstash-Delay": "2h", "Upstash-Label": "reminder" });
  await publish("/later", { "Upstash-Delay": "3h", "Upstash-Label": "two words" });
  await publish("/broken/a", { "Upstash-Retries": "0", "Upstash-Label": "parcel" });
  await publish("/broken/b", { "Upstash-Retries": "0" });
  await until("two dead messages", async () => {
    const answer = await shop.ask("GET", "/v2/dlq/count");
    return (answer as { readonly count: number }).count === 2; // A count of this server.
  });
  for (const name of ["night", "day"]) await pauseAs(shop, name);
}

async function pauseAs(shop: Shop, name: string): Promise<void> {
  const made = await shop.ask("POST", "/v2/tokens", {
    headers: JSON_BODY,
    body: JSON.stringify({ name, scope: "full" }),
  });
  const { token } = made as { readonly token: string }; // The answer of this server.
  await fetch(`${shop.url}/v2/queues`, {
    method: "POST",
    headers: { ...JSON_BODY, authorization: `Bearer ${token}` },
    body: JSON.stringify({ queueName: `of-${name}`, parallelism: 1 }),
  });
}

/** A page, a filter of it, and how many rows it leaves. `$app` is the address of the shop. */
const LISTS: readonly (readonly [place: string, filter: string, rows: number])[] = [
  ["/runs", "state:failed label:web", 2],
  ["/runs", 'workflow:"$app/order"', 3],
  ["/runs", "path:/approval", 1],
  ["/runs", "state:failed state:running", 3],
  ["/failures", 'workflow:"$app/order/failing" from:1h', 1],
  ["/failures/entries", "label:web status:489", 2],
  ["/failures?kind=messages", "status:503", 2],
  ["/failures/entries?kind=messages", "label:parcel", 1],
  ["/messages", 'label:"two words"', 1],
  ["/messages", "path:/later", 2],
  ["/logs", "state:created label:reminder", 1],
  ["/audit", 'token:night action:"POST /v2/queues"', 1],
];

const REFUSED: readonly (readonly [text: string, words: RegExp])[] = [
  ["stat:failed", /there is no field "stat" here; known: state, workflow/],
  ["-state:failed", /nothing can be left out by a minus: -state:failed/],
  ["state:broken", /state cannot be "broken"; allowed: running, succeeded, failed, cancelled/],
  ["from:yesterdayish", /from cannot be "yesterdayish"; allowed: 2h, today/],
  ["stuck:perhaps", /stuck cannot be "perhaps"; allowed: true/],
];

describe.skipIf(!hasBrowser())("filters", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
    await fill(world.shop);
  });

  afterAll(() => world?.close());

  const box = (page: Page) => page.getByRole("combobox", { name: "Filter" });
  const chips = (page: Page) => page.getByRole("button", { name: /^Remove / });

  async function type(page: Page, text: string): Promise<void> {
    await box(page).fill(text.replaceAll("$app", world.shop.appUrl));
    await page.keyboard.press("Enter");
  }

  /** The list says so itself, or it is a plain table. */
  async function hasRows(page: Page, count: number): Promise<void> {
    const told = page.locator("main").getByText(new RegExp(`^${count} in all`));
    const rows = page.locator("main tbody tr");
    await expect
      .poll(async () => (await told.count()) > 0 || (await rows.count()) === count, {
        message: `${count} rows at ${page.url()}`,
      })
      .toBe(true);
  }

  async function at(place: string, options: Parameters<typeof openPage>[1] = {}): Promise<Watched> {
    const watched = await openPage(world, options);
    await watched.visit(place);
    return watched;
  }

  test("are typed, shown as chips, and taken away one by one", async () => {
    const watched = await at("/runs");
    const { page } = watched;
    await hasRows(page, 6);
    await type(page, "state:failed label:web");
    await hasRows(page, 2);
    expect(await chips(page).count()).toBe(2);
    await page.getByRole("button", { name: "Remove state failed" }).click();
    await hasRows(page, 5);
    await type(page, "approval");
    await page.getByText("No run matches this filter").waitFor();
    await page.getByRole("button", { name: "Remove text approval" }).click();
    await hasRows(page, 5);
    await box(page).focus();
    await page.keyboard.press("Backspace");
    await hasRows(page, 6);
    expect(await chips(page).count()).toBe(0);
    await type(page, "state:failed from:1h");
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await hasRows(page, 6);
    noFaults(watched);
  });

  test("are suggested, and chosen by the arrows", async () => {
    const watched = await at("/runs");
    const { page } = watched;
    // What the list knows is suggested as well: from now on the suggestions stay in their order.
    await hasRows(page, 6);
    await page.keyboard.press("/");
    await page.keyboard.type("fail");
    await page.getByRole("option", { name: /^state:failed/ }).waitFor();
    for (let presses = 0; presses < 20; presses += 1) {
      await page.keyboard.press("ArrowDown");
      const active = await box(page).getAttribute("aria-activedescendant");
      const chosen = page.locator(`[id="${active}"]`);
      if ((await chosen.textContent())?.startsWith("state:failed") === true) break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove state failed" }).waitFor();
    await hasRows(page, 2);
    await page.keyboard.type("lab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    expect(await box(page).inputValue()).toBe("label:");
    // Labels of the list.
    await page.getByRole("option", { name: /^label:web/ }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("option").first().waitFor({ state: "hidden" });
    noFaults(watched);
  });

  test("that mean nothing are refused in words, and change nothing", async () => {
    const { page } = await at("/runs?q=label:web");
    await hasRows(page, 5);
    const before = page.url();
    for (const [text, words] of REFUSED) {
      await type(page, text);
      await page.getByRole("alert").getByText(words).waitFor();
      expect(page.url()).toBe(before);
      expect(await box(page).inputValue()).toBe(text);
      expect(await chips(page).count()).toBe(1);
      await page.keyboard.type("x");
      await page.getByRole("alert").waitFor({ state: "detached" });
    }
    await hasRows(page, 5);
  });

  test("in quotes everything is text", async () => {
    const { page } = await at("/runs");
    await type(page, '"stat:failed"');
    await page.getByRole("button", { name: "Remove text stat:failed" }).waitFor();
    await page.getByText("No run matches this filter").waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Remove text stat:failed" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  test("an address with a field that there is none of says so", async () => {
    const { page } = await at("/failures/entries?q=status:many stat:failed");
    const alert = page.getByRole("alert");
    await alert.getByText(/there is no field "stat" here/).waitFor();
    await alert.getByText(/status cannot be "many"; allowed: a whole number/).waitFor();
    expect(await page.getByRole("button", { name: "Recover all that match" }).isDisabled()).toBe(
      true,
    );
  });

  test("what the API refuses is told in its words", async () => {
    const { page } = await at("/audit?q=from:2026-11-21 to:2026-11-20");
    await page
      .getByRole("alert")
      .getByText(/fromDate must not be after toDate/)
      .waitFor();
  });

  test("days are those of the person, or of UTC", async () => {
    const { page } = await at("/runs", { timezoneId: "America/New_York" });
    const asked = (name: string, at: number) =>
      page.waitForRequest((request) => new URL(request.url()).searchParams.get(name) === `${at}`);
    const local = asked("fromDate", Date.UTC(2026, 10, 20, 5));
    await type(page, "from:2026-11-20");
    await local;
    const ofUtc = asked("fromDate", Date.UTC(2026, 10, 20));
    await page.getByRole("button", { name: "Colours, times and keys" }).click();
    await page.getByRole("menuitemradio", { name: "UTC" }).click();
    await ofUtc;
    const end = asked("toDate", Date.UTC(2026, 10, 21) - 1);
    await type(page, "to:2026-11-20");
    await end;
    const zoned = asked("fromDate", Date.UTC(2026, 10, 20, 8));
    await type(page, "from:2026-11-20T10:00+02:00");
    await zoned;
  });

  test("leave the same rows on every page for whoever follows the link", async () => {
    const watched = await at("/");
    const stranger = await at("/");
    for (const [place, filter, rows] of LISTS) {
      await watched.visit(place);
      const { page } = watched;
      await type(page, filter);
      await hasRows(page, rows);
      const link = page.url();
      expect(link).toContain("q=");
      await stranger.page.goto("about:blank");
      await stranger.page.goto(link);
      await hasRows(stranger.page, rows);
      expect(await chips(stranger.page).count()).toBe(await chips(page).count());
      expect(await page.getByRole("alert").count(), filter).toBe(0);
    }
    noFaults(watched);
  });

  test("come back with the browser's own way back", async () => {
    const { page } = await at("/runs");
    await type(page, "label:web");
    await hasRows(page, 5);
    await type(page, "state:failed");
    await hasRows(page, 2);
    await page.getByRole("grid").getByRole("link").first().click();
    await page.getByRole("button", { name: "Events" }).waitFor();
    await page.goBack();
    await hasRows(page, 2);
    await page.goBack();
    await hasRows(page, 5);
    await page.goBack();
    await hasRows(page, 6);
    await page.goForward();
    await hasRows(page, 5);
    await page.reload();
    await hasRows(page, 5);
  });

  test("are kept under a name, for one page, until somebody deletes it", async () => {
    const watched = await at("/runs");
    const { page, visit } = watched;
    const views = page.getByRole("button", { name: "Saved views" });
    await type(page, 'state:failed workflow:"$app/order/failing"');
    await views.click();
    await page.getByLabel("Name of the view").fill("Cards that fail");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Cards that fail", exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await hasRows(page, 6);
    await visit("/messages");
    await views.click();
    await page.getByText("No saved views yet").waitFor();
    await page.keyboard.press("Escape");
    await visit("/runs");
    await views.click();
    await page.getByRole("button", { name: "Cards that fail", exact: true }).click();
    await hasRows(page, 2);
    expect(await chips(page).count()).toBe(2);
    await views.click();
    await page.getByRole("button", { name: "Delete the view Cards that fail" }).click();
    await page.keyboard.press("Escape");
    await page.reload();
    await views.click();
    await page.getByText("Cards that fail").waitFor({ state: "detached" });
    noFaults(watched);
  });
});
