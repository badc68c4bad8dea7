// Some hundreds of failed runs at once: progress, stop, what becomes of each, and what people do at the wrong moment.

import { serve } from "@upstash/workflow";
import type { Page, Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { failSome, serveFickle } from "./fickle.ts";
import { chooseVerb, ended, openedDialog } from "./recover-steps.ts";
import { letterOf, lettersOf, recoveredAs, runOf } from "./shop-facts.ts";

const MANY = 300;
/** For each of them to be begun, to fail, to be resumed and to end. */
const LONG_MS = 400_000;
/** Runs of one request of the dialog. */
const PART = 25;

describe.skipIf(!hasBrowser())("many failed runs", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  /** A workflow whose app is closed until `open` is called. */
  function serveClosed(path: string): { readonly open: () => void } {
    let isOpen = false;
    world.shop.serve(path, (qstashClient) => {
      const { handler } = serve((context) => context.run("pack", () => "packed"), { qstashClient });
      return async (request) =>
        isOpen ? handler(request) : new Response("closed", { status: 503 });
    });
    return {
      open: () => {
        isOpen = true;
      },
    };
  }

  async function countOf(label: string): Promise<number> {
    const answer = await world.shop.ask("GET", `/v2/workflows/dlq/count?label=${label}`);
    return (answer as { readonly count: number }).count; // The answer of this path.
  }

  /** Lets requests to `path` through until the one with this number, which waits for `go`. */
  async function holdRequest(page: Page, path: string, number: number) {
    let count = 0;
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const isMeant = (request: Request) => new URL(request.url()).pathname === path;
    await page.route("**/v2/workflows/dlq/**", async (route) => {
      if (isMeant(route.request())) {
        count += 1;
        if (count === number) await gate;
      }
      await route.continue();
    });
    return { go };
  }

  test(`${MANY} runs: stopped on the way, gone on with, and told one by one`, {
    timeout: LONG_MS,
  }, async () => {
    const { shop } = world;
    const app = serveClosed("/many");
    for (let batch = 0; batch < MANY; batch += 100) {
      await shop.client.trigger(
        Array.from({ length: 100 }, () => ({
          url: `${shop.appUrl}/many`,
          retries: 0,
          label: "many",
        })),
      );
    }
    const haveFailed = async () => (await countOf("many")) === MANY;
    await until("all to fail", haveFailed, LONG_MS / 4);
    app.open();
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/failures/entries?label=many");
    await page.getByRole("button", { name: "Recover all that match" }).click();
    const dialog = await openedDialog(page);
    const go = await chooseVerb(dialog, "resume", MANY);
    await dialog.getByText(`and ${MANY - 5} more`).waitFor();
    const held = await holdRequest(page, "/v2/workflows/dlq/resume", 3);
    await go.click();
    await ended(dialog, `${2 * PART} of ${MANY} resumed, working ...`);
    expect(await dialog.getByRole("progressbar").getAttribute("value")).toBe(String(2 * PART));
    await page.keyboard.press("Escape");
    await dialog.getByRole("alert").getByText("stop it first").waitFor();
    await dialog.getByRole("button", { name: "Stop" }).click();
    held.go();
    const left = MANY - 3 * PART;
    await ended(dialog, `${3 * PART} of ${MANY} resumed, stopped; ${left} left as they are`);
    expect(await countOf("many")).toBe(left);
    const made = await dialog.getByRole("link", { name: /^wfr_/ }).allTextContents();
    expect(new Set(made).size).toBe(3 * PART);
    const [some = ""] = made;
    expect((await runOf(shop, some)).resumedFrom?.mode).toBe("resume");
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await dialog.waitFor({ state: "detached" });

    await page.getByRole("button", { name: "Recover all that match" }).click();
    await (await chooseVerb(dialog, "resume", left)).click();
    await ended(dialog, `${left} of ${left} resumed`);
    await dialog.getByText(`and ${left - 200} more`).waitFor();
    expect(await countOf("many")).toBe(0);
    const haveSucceeded = async () => {
      const path = "/v2/workflows/runs/count?label=many&state=RUN_SUCCESS";
      return ((await shop.ask("GET", path)) as { readonly count: number }).count === MANY; // So it answers.
    };
    await until("all to succeed", haveSucceeded, LONG_MS / 4);
    noFaults(watched);
  });

  test("what somebody else has handled meanwhile is told by name, and the others are recovered", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/taken");
    const runs = await failSome(shop, fickle, 3, { label: "taken" });
    fickle.isBroken = false;
    const letters = await Promise.all(runs.map((runId) => letterOf(shop, runId)));
    const taken = letters[1]?.dlqId ?? "";
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/failures/entries?label=taken");
    await page
      .getByRole("row")
      .filter({ hasText: runs[0] ?? "" })
      .waitFor();
    await page.getByLabel("Select all rows that are loaded").check();
    await page.getByRole("button", { name: "Recover 3 selected" }).click();
    const dialog = await openedDialog(page);
    const go = await chooseVerb(dialog, "resume", 3);
    await shop.ask("DELETE", `/v2/workflows/dlq/${taken}`);
    await go.click();
    await ended(dialog, "2 of 3 resumed, 1 not");
    await dialog
      .getByRole("listitem")
      .filter({ hasText: taken })
      .getByText("there is no")
      .waitFor();
    for (const runId of [runs[0] ?? "", runs[2] ?? ""]) {
      await recoveredAs(shop, runId, "RUN_SUCCESS");
    }
    expect((await runOf(shop, runs[1] ?? "")).resumedBy).toBeUndefined();
    expect(fickle.ran).toMatchObject({ prepare: 3, finish: 2 });
    noFaults(watched);
  });

  test("what fails after it was counted is left alone", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/late");
    await failSome(shop, fickle, 2, { label: "late" });
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/failures/entries?label=late");
    // Otherwise the dialog would count it, too.
    await page.getByRole("button", { name: "Live: pause live updates" }).click();
    await page.getByRole("button", { name: "Recover all that match" }).click();
    const dialog = await openedDialog(page);
    const go = await chooseVerb(dialog, "delete", 2);
    const [late = ""] = await failSome(shop, fickle, 1, { label: "late" });
    await go.click();
    await ended(dialog, "2 of 2 deleted");
    const rest = await lettersOf(shop, { label: "late" });
    expect(rest.map(({ workflowRunId }) => workflowRunId)).toEqual([late]);
    noFaults(watched);
  });

  test("a double click recovers once, and its second half touches nothing else", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/twice");
    const [runId = ""] = await failSome(shop, fickle, 1);
    fickle.isBroken = false;
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(`/runs/${runId}`);
    await page.getByRole("button", { name: "Restart" }).click();
    const dialog = await openedDialog(page);
    await (await chooseVerb(dialog, "restart", 1)).dblclick();
    await ended(dialog, "1 of 1 restarted");
    const { workflowRunId } = await recoveredAs(shop, runId, "RUN_SUCCESS");
    await dialog.getByRole("link", { name: workflowRunId }).waitFor();
    expect(fickle.ran).toMatchObject({ prepare: 2, finish: 1 });
    // Where the button lies that comes next depends on what is listed above it.
    await dialog
      .getByRole("button", { name: "Close" })
      .last()
      .dispatchEvent("click", { detail: 2 });
    expect(await dialog.isVisible()).toBe(true);
    noFaults(watched);
  });

  test("the second half of a double click may come behind the answer, which stays on the screen", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/slow-hand");
    const [runId = ""] = await failSome(shop, fickle, 1);
    fickle.isBroken = false;
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(`/runs/${runId}`);
    await page.getByRole("button", { name: "Restart" }).click();
    const dialog = await openedDialog(page);
    await (await chooseVerb(dialog, "restart", 1)).click();
    await ended(dialog, "1 of 1 restarted");
    // Where the button was the dialog may have ended by now.
    await page.mouse.down({ clickCount: 2 });
    await page.mouse.up({ clickCount: 2 });
    await recoveredAs(shop, runId, "RUN_SUCCESS");
    await dialog.getByText("1 of 1 restarted").waitFor();
    expect(fickle.ran).toMatchObject({ prepare: 2, finish: 1 });
    noFaults(watched);
  });

  test("the browser asks before it leaves a page that is at work", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/leaving");
    const [runId = ""] = await failSome(shop, fickle, 1);
    const { page, visit, faults } = await openPage(world);
    await visit(`/runs/${runId}`);
    await page.getByRole("button", { name: "Resume" }).click();
    const dialog = await openedDialog(page);
    const path = `/v2/workflows/dlq/resume/${(await letterOf(shop, runId))?.dlqId}`;
    const held = await holdRequest(page, path, 1);
    await (await chooseVerb(dialog, "resume", 1)).click();
    await ended(dialog, "0 of 1 resumed, working ...");
    // The harness says no to every question, and notes it.
    await page.close({ runBeforeUnload: true });
    await expect.poll(() => faults.length).toBe(1);
    expect(faults[0]).toMatch(/^dialog: /);
    held.go();
    await ended(dialog, "1 of 1 resumed");
  });
});
