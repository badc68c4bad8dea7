import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerConfig } from "@reprise/server";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { findChromium, openBrowser } from "./chromium.ts";
import { Shop } from "./shop.ts";

/** Only what never happens is waited for so long: a machine with other work takes many times as long as one without. */
const DEADLINE_MS = 60_000;
/** The title of an address that leads to no page. */
const NOWHERE = "There is no such page";

export const hasBrowser = (): boolean => findChromium() !== null;

/** A shop and a browser in front of it. */
export interface BrowserWorld {
  readonly shop: Shop;
  readonly browser: Browser;
  readonly close: () => Promise<void>;
}

export async function openWorld(settings: Partial<ServerConfig> = {}): Promise<BrowserWorld> {
  const directory = mkdtempSync(join(tmpdir(), "reprise-dashboard-"));
  const shop = await Shop.open({ dataDir: directory, ...settings });
  const browser = await openBrowser();
  const close = async () => {
    await browser.close();
    await shop.close();
    rmSync(directory, { recursive: true, force: true });
  };
  return { shop, browser, close };
}

/** A page that tells what went wrong in it. */
export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors, violations of the policy, dialogs, requests to others than the server: nothing of that may ever be. */
  readonly faults: readonly string[];
  /** Goes to an address behind `#`, and waits until the page of before is gone and its own title is there. */
  readonly visit: (place: string) => Promise<void>;
}

/** What the browser says itself about answers that the page expects. */
const EXPECTED = /Failed to load resource: the server responded with a status of 4\d\d/;

/** `origin` is where the page comes from: the server itself, unless somebody stands in front of it. */
export async function openPage(
  { browser, shop }: BrowserWorld,
  options: BrowserContextOptions = {},
  origin = new URL(shop.url).origin,
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1_400, height: 900 }, ...options });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(DEADLINE_MS);
  const faults: string[] = [];
  await context.exposeBinding("tellViolation", (_, text: string) => {
    faults.push(`policy: ${text}`);
  });
  await context.addInitScript(`document.addEventListener("securitypolicyviolation", (event) =>
    tellViolation(event.violatedDirective + " " + event.blockedURI + " " + event.sample));`);
  context.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) faults.push(message.text());
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== origin) {
      faults.push(`request: ${request.url()}`);
    }
  });
  context.on("weberror", (error) => faults.push(String(error.error())));
  const page = await context.newPage();
  const title = page.locator("main h1");
  const visit = async (place: string) => {
    // Behind `#` the page of before stays until the next one is loaded, and a test would type into what is about to go.
    if (page.url().startsWith(shop.url)) {
      await page.goto(`${shop.url}/#/nowhere`);
      await title.filter({ hasText: NOWHERE }).waitFor();
    }
    await page.goto(`${shop.url}/#${place}`);
    await title.filter({ hasNotText: NOWHERE }).first().waitFor();
    // A page listens to keys a moment after it is seen.
    await settled(page);
  };
  return { page, context, faults, visit };
}

/** What the page has read of the server by now is on the screen. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState("load");
  await page.evaluate(
    "new Promise((resolve) => requestIdleCallback(() => requestAnimationFrame(resolve), { timeout: 5_000 }))",
  );
}

export function noFaults({ faults }: Watched): void {
  expect(faults).toEqual([]);
}
