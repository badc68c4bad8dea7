// The list of runs: what it shows while they start and fail, the keys, what is exported, and each way to cancel.

import type { RunResource } from "@reprise/protocol";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { failSome, serveFickle } from "./fickle.ts";
import { openedDialog } from "./recover-steps.ts";
import { recoveredAs, runOf } from "./shop-facts.ts";

describe.skipIf(!hasBrowser())("the list of runs", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  async function openList(search: string) {
    const watched = await openPage(world, { permissions: ["clipboard-read", "clipboard-write"] });
    await watched.visit(`/runs${search}`);
    return { ...watched, watched };
  }

  const rowOf = (page: Page, text: string): Locator =>
    page.getByRole("row").filter({ hasText: text });

  /** Runs that sleep for a month, the oldest first. */
  async function sleepers(count: number, label: string): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      ids.push(await world.shop.trigger("/subscription", { index }, { label }));
    }
    return ids;
  }

  async function statesOf(ids: readonly string[]): Promise<readonly string[]> {
    const runs = await Promise.all(ids.map((id) => runOf(world.shop, id)));
    return runs.map(({ workflowState }) => workflowState);
  }

  test("a run appears, goes on and fails under the eyes of a person; a pause holds that back", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/live");
    const { page, watched } = await openList("?label=live");
    await page.getByText("No run matches this filter").waitFor();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    shop.serve("/gate", (qstashClient) => {
      void qstashClient;
      return async () => {
        await gate;
        return new Response("the gate is shut", { status: 503 });
      };
    });
    const first = await shop.trigger("/gate", {}, { label: "live" });
    const row = rowOf(page, first);
    await row.getByText("running").waitFor();
    await row.getByText("live", { exact: true }).waitFor();
    release();
    await row.getByText("failed", { exact: true }).waitFor();
    await row.getByText("the gate is shut").waitFor();

    await page.getByRole("button", { name: "Live: pause live updates" }).click();
    const [second = ""] = await failSome(shop, fickle, 1, { label: "live" });
    const paused = page.getByRole("button", { name: /^Paused, \d+ changes: show changes/ });
    await paused.waitFor();
    expect(await rowOf(page, second).count()).toBe(0);
    await paused.click();
    await rowOf(page, second).getByText("the belt is torn").waitFor();
    noFaults(watched);
  });

  test("a run that was over before the page could hear of changes appears when it can", async () => {
    const { shop } = world;
    const { page, context, visit, faults } = await openPage(world);
    let hear = () => {};
    const isHearing = new Promise<void>((resolve) => {
      hear = resolve;
    });
    await context.route("**/v2/changes", async (route) => {
      await isHearing;
      await route.continue();
    });
    await visit("/runs?label=early");
    await page.getByText("No run matches this filter").waitFor();
    const early = await shop.trigger("/order", { id: 2 }, { label: "early" });
    await shop.reaches(early, "RUN_SUCCESS");
    hear();
    await rowOf(page, early).waitFor();
    expect(faults).toEqual([]);
  });

  test("keys open a run, recover it, and export what the filter shows; its id is copied", async () => {
    const { shop } = world;
    const fickle = serveFickle(shop, "/belt/keys");
    const [runId = ""] = await failSome(shop, fickle, 1, { label: "keys" });
    fickle.isBroken = false;
    const { page, visit, watched } = await openList("?label=keys");
    await rowOf(page, runId).getByText("the belt is torn").waitFor();
    await rowOf(page, runId).getByRole("button", { name: "Copy the id of the run" }).click();
    await expect.poll(() => page.evaluate("navigator.clipboard.readText()")).toBe(runId);
    const download = page.waitForEvent("download");
    await page.keyboard.press("e");
    const file = await download;
    expect(file.suggestedFilename()).toBe("reprise-runs.jsonl");
    const lines = (await (await file.createReadStream()).toArray()).join("").trimEnd().split("\n");
    const saved = lines.map((line) => JSON.parse(line) as RunResource); // As the API answers.
    expect(saved).toEqual([await runOf(shop, runId)]);
    await page.keyboard.press("j");
    await page.keyboard.press("o");
    await page.getByRole("heading", { name: "/belt/keys" }).waitFor();
    await visit("/runs?label=keys");
    await rowOf(page, runId).waitFor();
    await page.getByRole("grid", { name: "Runs" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "/belt/keys" }).waitFor();
    await visit("/runs?label=keys");
    await rowOf(page, runId).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("r");
    const dialog = await openedDialog(page);
    await dialog.getByRole("button", { name: "Resume 1 run" }).click();
    await dialog.getByText("1 of 1 resumed").waitFor();
    await recoveredAs(shop, runId, "RUN_SUCCESS");
    noFaults(watched);
  });

  test("a selection is cancelled, and the others are not", async () => {
    const ids = await sleepers(4, "some");
    const [first = "", ...others] = ids;
    const { page, watched } = await openList("?label=some");
    await rowOf(page, first).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Shift+X");
    await page.getByRole("button", { name: "Cancel 3 runs" }).click();
    const dialog = await openedDialog(page);
    for (const id of others) await dialog.getByText(id).waitFor();
    expect(new Set(await statesOf(ids))).toEqual(new Set(["RUN_STARTED"]));
    await dialog.getByRole("button", { name: "Cancel 3 runs" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await statesOf(ids)).toEqual(["RUN_STARTED", ...others.map(() => "RUN_CANCELED")]);
    for (const id of others) await rowOf(page, id).getByText("cancelled").waitFor();
    expect(await auditOf(world.shop, "DELETE /v2/workflows/runs")).toMatchObject(BY_DASHBOARD);
    noFaults(watched);
  });

  test("one is cancelled; what has ended already stays as it is", async () => {
    const [asleep = ""] = await sleepers(1, "mixed");
    const done = await world.shop.trigger("/order", { id: 1 }, { label: "mixed" });
    await world.shop.reaches(done, "RUN_SUCCESS");
    const { page, watched } = await openList("?label=mixed");
    await rowOf(page, done).getByRole("checkbox").check();
    await rowOf(page, asleep).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Cancel 2 runs" }).click();
    const dialog = await openedDialog(page);
    await dialog.getByText("1 of the chosen have ended already").waitFor();
    await dialog.getByRole("button", { name: "Cancel 1 run", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await statesOf([asleep, done])).toEqual(["RUN_CANCELED", "RUN_SUCCESS"]);
    noFaults(watched);
  });

  test("what a filter shows is cancelled: counted first, and nothing that it does not show", async () => {
    const [older = ""] = await sleepers(1, "other");
    const ids = await sleepers(7, "all");
    const [newer = ""] = await sleepers(1, "other");
    const { page, visit, watched } = await openList("?label=all&state=running");
    await rowOf(page, ids[0] ?? "").waitFor();
    await page.getByRole("button", { name: "Cancel what matches" }).click();
    const dialog = await openedDialog(page);
    await dialog.getByText("7 live runs").waitFor();
    await dialog.getByRole("button", { name: "Keep" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(new Set(await statesOf(ids))).toEqual(new Set(["RUN_STARTED"]));
    await page.getByRole("button", { name: "Cancel what matches" }).click();
    for (const id of ids.slice(-5)) await dialog.getByText(id).waitFor();
    await dialog.getByText("and 2 more").waitFor();
    await dialog.getByRole("button", { name: "Cancel 7 runs" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(new Set(await statesOf(ids))).toEqual(new Set(["RUN_CANCELED"]));
    expect(await statesOf([older, newer])).toEqual(["RUN_STARTED", "RUN_STARTED"]);
    await visit("/runs?state=failed");
    const all = page.getByRole("button", { name: "Cancel what matches" });
    await until("the button to be off", () => all.isDisabled());
    expect(await all.getAttribute("title")).toContain("state:failed");
    noFaults(watched);
  });
});
