import type { Locator, Page } from "playwright-core";

/** Ends when a button says that it has copied: it does only for a moment, which a test on a busy machine would miss from outside. */
const SAYS_SO = `new Promise((resolve) => {
  const nameOf = (button) => button.getAttribute("aria-label") ?? button.textContent;
  const observer = new MutationObserver(() => {
    if (![...document.querySelectorAll("button")].some((button) => nameOf(button) === "Copied")) return;
    observer.disconnect();
    resolve();
  });
  observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
})`;

/** Presses a button that copies, and sees that it says so. */
export async function copy(page: Page, button: Locator): Promise<void> {
  await Promise.all([page.evaluate(SAYS_SO), button.click()]);
}
