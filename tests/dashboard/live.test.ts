// A page that stays open: what changes meanwhile, a server that goes away, a login that ends.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  type Watched,
} from "./browser-world.ts";
import { keptPort } from "./kept-port.ts";
import { runOf } from "./shop-facts.ts";

const TOKEN = "a-token-of-an-operator-0123456789";

describe.skipIf(!hasBrowser())("a page that stays open", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    const port = await keptPort();
    world = await openWorld({ mode: "production", token: TOKEN, preStopMs: 0, port });
  });

  afterAll(() => world?.close());

  async function logIn(page: Page, token: string): Promise<void> {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
  }

  /** Somebody who is logged in, and looks at this place. */
  async function at(place: string, token = TOKEN): Promise<Watched> {
    const watched = await openPage(world);
    const { page } = watched;
    await page.goto(`${world.shop.url}/#${place}`);
    await logIn(page, token);
    // The form to log in has a title as well.
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await page.locator("main h1").first().waitFor();
    return watched;
  }

  async function finishedRun(label: string): Promise<string> {
    const runId = await world.shop.trigger("/order", { id: 1 }, { label });
    await world.shop.reaches(runId, "RUN_SUCCESS");
    return runId;
  }

  const rowOf = (page: Page, runId: string) =>
    page.getByRole("row").filter({ has: page.getByText(runId) });

  test("shows what comes, unless it is paused; then it tells that something came", async () => {
    const first = await finishedRun("first");
    const watched = await at("/runs");
    const { page } = watched;
    await rowOf(page, first).waitFor();
    const second = await finishedRun("second");
    await rowOf(page, second).waitFor();
    await page.getByRole("button", { name: "Live: pause live updates" }).click();
    const third = await finishedRun("third");
    const paused = page.getByRole("button", { name: /^Paused, \d+ changes: show/ });
    await paused.waitFor();
    expect(await rowOf(page, third).count()).toBe(0);
    await paused.click();
    await rowOf(page, third).waitFor();
    await page.getByRole("button", { name: /^Live:/ }).waitFor();
    noFaults(watched);
  });

  test("gives its connection back while nobody looks, and shows what came when somebody does", async () => {
    const watched = await at("/runs?q=label:hidden");
    const { page } = watched;
    await page.getByText("No run matches").waitFor();
    const turn = (isHidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));`);
    const ended = page.waitForEvent("requestfailed", (request) =>
      request.url().endsWith("/v2/changes"),
    );
    await turn(true);
    await ended;
    const came = await finishedRun("hidden");
    expect(await rowOf(page, came).count()).toBe(0);
    await turn(false);
    await rowOf(page, came).waitFor();
    noFaults(watched);
  });

  test("says that the server is gone, stays as it is, and shows what changed when it is back", async () => {
    const before = await finishedRun("before");
    const { page, context } = await at("/runs?q=label:before label:meanwhile");
    await rowOf(page, before).waitFor();
    const lost = page.getByText("The connection to the server is lost");
    expect(await lost.count()).toBe(0);
    await world.shop.stopServer();
    await lost.waitFor();
    // Whoever comes back to the tab has it ask again, and everything that it asks fails.
    await page.evaluate("window.dispatchEvent(new Event('visibilitychange'))");
    await page.getByRole("button", { name: /^Lost/ }).waitFor();
    await rowOf(page, before).waitFor();
    // The page cannot hear of the changes as they happen.
    await context.route("**/v2/changes", (route) => route.abort());
    await world.shop.startServer();
    const meanwhile = await finishedRun("meanwhile");
    expect(await lost.count()).toBe(1);
    await context.unroute("**/v2/changes");
    await rowOf(page, meanwhile).waitFor();
    await lost.waitFor({ state: "detached" });
    await page.getByRole("button", { name: /^Live:/ }).waitFor();
  });

  test("a login that is over leads to the login, and from there back to the same place", async () => {
    const { page, context, faults } = await at("/runs?q=label:first");
    await page.getByText("1 in all").waitFor();
    const place = page.url();
    await context.clearCookies();
    // Something changes, so the page asks.
    await finishedRun("nobody");
    await page.getByLabel("Token").waitFor();
    await expect.poll(() => page.title()).toBe("Log in · Reprise");
    expect(page.url()).toBe(place);
    await logIn(page, TOKEN);
    await page.getByRole("button", { name: "Remove label first" }).waitFor();
    await page.getByText("1 in all").waitFor();
    expect(faults).toEqual([]);
  });

  test("a token that is revoked ends the page at once, without a click", async () => {
    const made = await world.shop.ask("POST", "/v2/tokens", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "night", scope: "full" }),
    });
    const { id, token } = made as { readonly id: string; readonly token: string }; // The answer of this server.
    const { page } = await at("/queues", token);
    await world.shop.ask("DELETE", `/v2/tokens/${id}`);
    await page.getByLabel("Token").waitFor();
    expect(await page.getByRole("navigation").count()).toBe(0);
    expect(page.url()).toContain("#/queues");
  });

  test("an action of a login that is over leads to the login as well", async () => {
    const { page, context } = await at("/queues");
    await page.getByRole("button", { name: "New queue" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("mail");
    await context.clearCookies();
    await page.keyboard.press("Enter");
    await page.getByLabel("Token").waitFor();
  });

  test("ages go on", async () => {
    const runId = await finishedRun("old");
    const watched = await openPage(world);
    const { page } = watched;
    const { workflowRunCreatedAt: createdAt } = await runOf(world.shop, runId);
    // However long the page takes to open.
    await page.clock.setFixedTime(createdAt + 20_000);
    await page.goto(`${world.shop.url}/#/runs/${runId}`);
    await logIn(page, TOKEN);
    const age = page.locator("main time").first();
    await expect.poll(() => age.textContent()).toBe("20 s ago");
    await page.clock.setFixedTime(createdAt + 3 * 60_000);
    await expect.poll(() => age.textContent()).toBe("3 m ago");
    noFaults(watched);
  });
});
