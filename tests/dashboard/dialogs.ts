import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

/** Waits until an element has the focus. */
export async function getsFocus(page: Page, element: Locator): Promise<void> {
  await element.and(page.locator(":focus")).waitFor();
}

/** Opens a dialog with its button. */
export async function openDialog(page: Page, opener: Locator): Promise<Locator> {
  await opener.click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
}

export async function isClosed(dialog: Locator): Promise<void> {
  await dialog.waitFor({ state: "detached" });
}

/** A form has the focus in its first field, each field has a label, Escape leaves it, and the focus is back where it was. */
export async function isLeftWithEscape(page: Page, opener: Locator): Promise<void> {
  const dialog = await openDialog(page, opener);
  const fields = dialog.locator("input, select, textarea");
  await getsFocus(page, fields.first());
  const unnamed = await fields.evaluateAll((all) =>
    // Tests have no types of elements.
    (all as unknown as readonly { readonly labels: { readonly length: number } }[]).filter(
      ({ labels }) => labels.length === 0,
    ),
  );
  expect(unnamed).toEqual([]);
  await page.keyboard.press("Escape");
  await isClosed(dialog);
  await getsFocus(page, opener);
}

/** The server has refused what a dialog sent: it stays, says why, and keeps what was typed. */
export async function isRefused(
  dialog: Locator,
  reason: RegExp,
  typed: Readonly<Record<string, string>>,
): Promise<void> {
  await dialog.getByRole("alert").filter({ hasText: reason }).first().waitFor();
  for (const [label, value] of Object.entries(typed)) {
    expect(await dialog.getByLabel(label, { exact: true }).inputValue(), label).toBe(value);
  }
}

/** Fills fields by their labels. */
export async function fill(
  dialog: Locator,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [label, value] of Object.entries(values)) {
    await dialog.getByLabel(label, { exact: true }).fill(value);
  }
}
