// From the failure to the finished run: with the mouse as a person does it at night, and with the keyboard alone.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";

describe.skipIf(!hasBrowser())("recovery", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  /** A run that met a closed tunnel; the tunnel is open again. */
  async function tunnelled(customer: string): Promise<string> {
    const { shop } = world;
    shop.tunnel = "offline";
    const runId = await shop.trigger("/order", { id: 99, customer }, { label: "night" });
    await shop.reaches(runId, "RUN_FAILED");
    shop.tunnel = null;
    return runId;
  }

  test("a closed tunnel: found by its URL, read, named, resumed and watched to its end", async () => {
    const runId = await tunnelled("Grace");
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/failures/entries");
    await page.locator("[data-search]").fill(`workflow:"${world.shop.appUrl}/order"`);
    await page.keyboard.press("Enter");
    await page.getByText(runId).first().waitFor();
    await visit(`/runs/${runId}`);
    await page
      .getByText(/tunnel/i)
      .first()
      .waitFor();
    await page
      .getByText(/ERR_NGROK_3200/)
      .first()
      .waitFor();
    await page
      .getByRole("button", { name: /^resume/i })
      .first()
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    const go = dialog.getByRole("button", { name: /^resume/i }).last();
    // The sample is there by then.
    await expect.poll(() => go.isEnabled()).toBe(true);
    await dialog.getByText("The same by curl, CLI or SDK").click();
    await dialog
      .getByText(/dlq\/resume/)
      .first()
      .waitFor();
    await go.click();
    const next = dialog.getByRole("link", { name: /wfr_/ }).first();
    await next.waitFor();
    const resumed = (await next.textContent())?.trim() ?? "";
    await next.click();
    // Its steps say that they succeeded before it has.
    await page
      .locator("[data-verdict]")
      .filter({ hasText: /^Succeeded after / })
      .waitFor();
    expect(await world.shop.stateOf(resumed)).toBe("RUN_SUCCESS");
    expect(await world.shop.stateOf(runId)).toBe("RUN_FAILED");
    noFaults(watched);
  });

  test("by keyboard alone", async () => {
    const runId = await tunnelled("Ada");
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    // Without a pause between them: two keys are a pair only when they come quickly.
    await Promise.all([page.keyboard.press("g"), page.keyboard.press("f")]);
    await page.getByRole("heading", { name: "Failures" }).waitFor();
    await visit("/failures/entries");
    await page.getByText(runId).first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.keyboard.press("r");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    // Whatever has the focus first, the button is reached by Tab and pressed with Enter.
    const go = dialog.getByRole("button", { name: /^resume/i });
    // Until the failures are counted Tab passes it over.
    await expect.poll(() => go.isEnabled()).toBe(true);
    for (let presses = 0; presses < 40; presses++) {
      if ((await go.and(page.locator(":focus")).count()) > 0) break;
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await dialog.getByRole("link", { name: /wfr_/ }).first().waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    noFaults(watched);
  });
});
