import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

/** The dialog that recovers, as a person uses it. */

export type RunVerb = "resume" | "restart" | "callback" | "delete";

const TITLES: Readonly<Record<RunVerb, string>> = {
  resume: "Resume",
  restart: "Restart",
  callback: "Re-run failure function",
  delete: "Delete",
};

/** Some hundreds take a while on a machine with other work. */
const PATIENCE = { timeout: 100_000 };

export async function openedDialog(page: Page): Promise<Locator> {
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

/** Chooses the verb, and gives the button that begins it once the dialog has counted. */
export async function chooseVerb(dialog: Locator, verb: RunVerb, count: number): Promise<Locator> {
  await dialog.getByRole("radio", { name: new RegExp(`^${TITLES[verb]}`) }).check();
  const runs = `${count} run${count === 1 ? "" : "s"}`;
  const go = dialog.getByRole("button", { name: `${TITLES[verb]} ${runs}`, exact: true });
  await go.waitFor();
  await expect.poll(() => go.isEnabled()).toBe(true);
  return go;
}

/** Waits for the words about the end: `2 of 2 resumed`. */
export async function ended(dialog: Locator, words: string): Promise<void> {
  await dialog.getByRole("status").getByText(words, { exact: true }).waitFor(PATIENCE);
}

/** Selects the first rows of the list with the keys alone, and opens the dialog about them. */
export async function recoverRows(page: Page, count: number): Promise<void> {
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  for (let row = 1; row < count; row += 1) await page.keyboard.press("j");
  await page.keyboard.press("Shift+X");
  await page.getByRole("button", { name: `Recover ${count} selected` }).click();
}
