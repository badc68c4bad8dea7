// Whoever may only look: every page is there, nothing that changes something is offered, and the server refuses all of it.

import type { DeadMessagePage, OpenMessagePage } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openWorld,
  settled,
  type Watched,
} from "./browser-world.ts";
import { fillShop } from "./fill-shop.ts";
import { logIn, makeToken } from "./people.ts";
import { placesOf } from "./places.ts";

/** What buttons that change something begin with. */
const CHANGES =
  /^(?:(?:new|make|cancel|resume|restart|retry|recover|re-run|delete|remove|revoke|rotate|hold|release|pause|pin|unpin|change|add|notify|stop|reset)\b|save$|send$|send now)/i;

/** Where a person who may change something is offered it. */
const OFFERS = new Set([
  "run-failed",
  "run-waiting",
  "failures",
  "failure-entries",
  "dead-messages",
  "dead-message",
  "messages",
  "message",
  "queues",
  "schedules",
  "url-groups",
  "flow-control",
  "waiters",
  "keys",
  "playground",
]);

/** For one person after the other to look at every page. */
const TOUR_MS = 400_000;

describe.skipIf(!hasBrowser())("a read-only token", () => {
  let world: BrowserWorld;
  let places: Readonly<Record<string, string>>;
  let token = "";

  beforeAll(async () => {
    world = await openWorld({ mode: "production", token: "a-token-of-an-operator-0123456789" });
    const { shop } = world;
    const runs = await fillShop(shop);
    // The answers of this server.
    const open = (await shop.ask("GET", "/v2/messages?label=reminder")) as OpenMessagePage;
    const dead = (await shop.ask("GET", "/v2/dlq")) as DeadMessagePage; // Of this server, too.
    places = {
      ...placesOf(runs),
      message: `/messages/${open.messages[0]?.messageId}`,
      "dead-messages": "/failures?kind=messages",
      "dead-message": `/failures/entries?kind=messages&open=${dead.messages[0]?.dlqId}`,
    };
    token = (await makeToken(world, "viewer", "read-only")).token;
  });

  afterAll(() => world?.close());

  /** Opens a page, and waits until something of the shop stands on it, or why nothing does. */
  async function look({ page, visit }: Watched, place: string): Promise<void> {
    await visit(place);
    const main = page.locator("main");
    const content = main.locator("tbody tr, [data-index], li, dt, pre");
    await content
      .or(main.getByText(/^(?:A read-only token|No |Nothing |There is no )/))
      .first()
      .waitFor();
    await settled(page);
  }

  /** Names of what changes something on a page. */
  async function offeredAt(watched: Watched, place: string): Promise<readonly string[]> {
    await look(watched, place);
    const { page } = watched;
    const buttons = page.locator("main").getByRole("button");
    const names = await buttons.evaluateAll((all) =>
      // Tests have no types of elements.
      (all as unknown as readonly Labelled[]).map(
        ({ ariaLabel, textContent }) => ariaLabel ?? textContent.trim(),
      ),
    );
    const boxes = await page
      .locator("main")
      .getByLabel(/^Select row/)
      .count();
    return [...names.filter((name) => CHANGES.test(name)), ...Array(boxes).fill("a box of a row")];
  }

  test("is offered nothing on any page, where others are", { timeout: TOUR_MS }, async () => {
    const full = await logIn(world, world.shop.token);
    await full.page.getByRole("heading", { name: "Overview" }).waitFor();
    const viewer = await logIn(world, token);
    await viewer.page.getByText("read only", { exact: true }).waitFor();
    for (const [name, place] of Object.entries(places)) {
      if (OFFERS.has(name)) {
        await expect
          .poll(async () => (await offeredAt(full, place)).length, { message: name })
          .toBeGreaterThan(0);
      }
      expect(await offeredAt(viewer, place), name).toEqual([]);
    }
    noFaults(viewer);
    noFaults(full);
  });

  test("cannot begin anything with keys", async () => {
    const viewer = await logIn(world, token);
    const { page } = viewer;
    await page.getByText("read only", { exact: true }).waitFor();
    for (const place of ["/runs", "/failures", "/failures/entries", places["run-failed"] ?? ""]) {
      await look(viewer, place);
      for (const key of ["j", "x", "r", "Shift+R", "c"]) await page.keyboard.press(key);
      await settled(page);
      expect(await page.getByRole("dialog").count(), place).toBe(0);
    }
    noFaults(viewer);
  });

  test("is refused by every operation that changes something, with the token and with the session", async () => {
    const { shop } = world;
    const queues = JSON.stringify(await shop.ask("GET", "/v2/queues"));
    // Every description of an API has this shape.
    const { paths } = (await shop.ask("GET", "/openapi.json")) as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    };
    // Logging in and the hooks of runs need no token.
    const changing = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([method, { security }]) => method !== "get" && security === undefined)
        .map(([method]) => [method.toUpperCase(), path.replace(/\{[^}]*\}/g, "nightly")] as const),
    );
    expect(changing.length).toBeGreaterThan(30);
    const { page } = await logIn(world, token);
    await page.getByText("read only", { exact: true }).waitFor();
    for (const [method, path] of changing) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${shop.url}${path}`, { method, headers });
      expect(answer.status, `${method} ${path}`).toBe(403);
      const asked = JSON.stringify({ method, headers: { "Reprise-Dashboard": "1" } });
      const status = await page.evaluate(
        `fetch(${JSON.stringify(path)}, ${asked}).then((answer) => answer.status)`,
      );
      expect(status, `${method} ${path} with the session`).toBe(403);
    }
    expect(JSON.stringify(await shop.ask("GET", "/v2/queues"))).toBe(queues);
    expect(await shop.ask("GET", "/v2/audit?tokenName=viewer")).toMatchObject({ entries: [] });
  });
});

interface Labelled {
  readonly ariaLabel: string | null;
  readonly textContent: string;
}

interface Operation {
  readonly security?: readonly object[];
}
