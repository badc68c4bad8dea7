// Hostile texts in the names that callers give, in addresses, and in what the browser keeps: they are shown as they are, and obeyed nowhere.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";
import { copy } from "./copying.ts";
import { fillHostile, HOSTILE, type HostileWorld, MARKUP, TREES, TURNED } from "./hostile-world.ts";

/** Outside of what somebody types: characters that turn a line around or that nobody sees. */
const HIDDEN = /[\u202a-\u202e\u2066-\u2069\u200b\ufeff]/;

const PLACES = [
  ...["/", "/runs", "/failures", "/failures/entries", "/messages", "/logs", "/queues"],
  ...["/schedules", "/url-groups", "/flow-control", "/waiters", "/audit", "/keys", "/settings"],
];

describe.skipIf(!hasBrowser())("hostile names", () => {
  let world: BrowserWorld;
  let filled: HostileWorld;

  beforeAll(async () => {
    world = await openWorld();
    filled = await fillHostile(world.shop);
  });

  afterAll(() => world?.close());

  /** What a page may never have, whatever it shows. */
  async function isHarmless(page: Page, place: string): Promise<void> {
    await settled(page);
    const text = await page.locator("body").innerText();
    expect(HIDDEN.exec(text), `hidden characters at ${place}`).toBeNull();
    const links = await page.evaluate(
      "[...document.links].map((link) => link.getAttribute('href') + (link.target === '' ? '' : ' in a window'))",
    );
    for (const link of links as readonly string[]) expect(link, place).toMatch(/^\/?#\/\S*$/); // As it was read.
    const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(over, `pixels that stand over at ${place}`).toBeLessThanOrEqual(0);
    expect(
      await page.evaluate("Object.keys(Object.prototype).length + Number({}.isAdmin === true)"),
    ).toBe(0);
  }

  test("are taken by the server in all these fields", () => {
    const fields = ["event", "endpoint", "flow", "schedule", "message", "message with a key"];
    expect(filled.taken).toEqual(expect.arrayContaining(fields));
  });

  test("stand on every page as they are, and change nothing around them", async () => {
    const watched = await openPage(world);
    for (const place of [...PLACES, ...filled.runIds.map((id) => `/runs/${id}`)]) {
      await watched.visit(place);
      await isHarmless(watched.page, place);
    }
    noFaults(watched);
  });

  test("of bodies are read without harm, and numbers to their last digit", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const seen: string[] = [];
    for (const id of filled.messageIds) {
      await visit(`/messages/${id}`);
      await page.getByRole("button", { name: "Hex" }).first().waitFor();
      await isHarmless(page, id);
      seen.push(await page.locator("main").innerText());
      const preview = page.getByRole("button", { name: "Preview" });
      if ((await preview.count()) === 0) continue;
      await preview.first().click();
      const frame = page.frameLocator("iframe[sandbox]");
      await frame.getByText("words that stay").waitFor();
      expect(await frame.locator("[src],[href],[style],[action],[background]").count()).toBe(0);
    }
    const text = seen.join("\n");
    for (const number of TREES.numbers.matchAll(/:([\d.e]+)/g)) expect(text).toContain(number[1]);
    expect(text).toContain("__proto__");
    noFaults(watched);
  });

  test("are copied as they are, whether the page has a clipboard or not", async () => {
    const id = filled.messageIds.at(-1) ?? "";
    for (const isSecure of [true, false]) {
      const permissions = ["clipboard-read", "clipboard-write"];
      const watched = await openPage(world, { permissions });
      const { page, context, visit } = watched;
      await context.addInitScript(`const clipboard = navigator.clipboard;
        globalThis.pasted = () => clipboard.readText();
        if (!${isSecure}) Object.defineProperty(navigator, "clipboard", { value: undefined });`);
      await visit(`/messages/${id}`);
      for (const [label, text] of [
        ["Copy the id of the message", id],
        ["Copy body", TURNED],
      ] as const) {
        await page.evaluate("document.body.focus()");
        await copy(page, page.getByRole("button", { name: label, exact: true }).first());
        expect(await page.evaluate("pasted()")).toBe(text);
        await page.getByRole("button", { name: "Copied" }).waitFor({ state: "detached" });
      }
      noFaults(watched);
    }
  });

  test("in the address lead nowhere else", async () => {
    const watched = await openPage(world);
    const { page } = watched;
    const origin = new URL(world.shop.url).origin;
    for (const place of [
      ...["//evil.invalid/x", "/\\evil.invalid", "https://evil.invalid/", "javascript:alert(1)"],
      ...[
        "/runs/..%2f..%2fkeys",
        "/runs/%E0%A4%A",
        "/runs?q=%E0%A4%A",
        "/runs?__proto__=x&constructor=y",
      ],
      ...[
        "/failures/entries?open=..%2F..%2Fkeys",
        "/failures?sort=constructor",
        "/overview?window=__proto__",
      ],
      ...[
        "/runs?state=__proto__&from=constructor",
        "/messages?state=toString&q=state%3Aconstructor",
      ],
      ...[MARKUP, TURNED].map((text) => `/runs?q=${encodeURIComponent(`label:"${text}" ${text}`)}`),
      ...[MARKUP, TURNED].map((text) => `/runs/${encodeURIComponent(text)}`),
    ]) {
      await page.goto("about:blank");
      await page.goto(`${world.shop.url}/#${place}`);
      await page.locator("h1").first().waitFor();
      await isHarmless(page, place);
      expect(new URL(page.url()).origin, place).toBe(origin);
    }
    noFaults(watched);
  });

  test("in what the browser keeps are left out, or shown as they are", async () => {
    const views = JSON.stringify(HOSTILE.map((name) => ({ name, text: name })));
    const kept = [
      ["{", "null", MARKUP, '{"__proto__":{"isAdmin":true}}'],
      ["[]", MARKUP, '[1,null,{"name":1}]', '"text"'],
      [MARKUP, "{", views, "[7]"],
    ];
    for (const values of kept) {
      const watched = await openPage(world);
      const { page, visit } = watched;
      await visit("/settings");
      await page.evaluate(
        `["theme", "zone", "views.runs", "columns.runs"].forEach((name, index) => localStorage.setItem("reprise." + name, ${JSON.stringify(values)}[index]))`,
      );
      await page.reload();
      await visit("/runs");
      await page.getByRole("button", { name: /views/i }).first().click();
      await isHarmless(page, `views ${values[2]}`);
      noFaults(watched);
    }
  });

  test("in dialogs, refusals and the palette stay texts", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/playground");
    for (const text of HOSTILE) {
      await page.getByLabel("URL", { exact: false }).first().fill(text);
      await page.getByRole("button", { name: /^(?:send|start|publish)/i }).click();
      await page.getByRole("alert").first().waitFor();
      await isHarmless(page, `playground ${text}`);
    }
    await page.keyboard.press("ControlOrMeta+k");
    for (const text of [...HOSTILE, `wfr_${MARKUP.replaceAll(" ", "/")}`]) {
      await page.getByRole("dialog").getByRole("combobox").fill(text);
      await isHarmless(page, `palette ${text}`);
    }
    noFaults(watched);
  });
});
