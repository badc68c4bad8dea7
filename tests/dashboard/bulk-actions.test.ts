// Bulk actions of the server: listed while they go on, stopped on the way, and told when they have ended.

import type { BulkActionResource, MatchCount } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { auditOf, BY_DASHBOARD } from "./audit-trail.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";

const JSON_TYPE = { "content-type": "application/json" };
/** A second of work, while a page needs a tenth of one to show it. */
const MANY = 6_000;
const BATCH = 1_000;
/** On a busy machine an action may end before somebody could press: the next one has twice as much to do. */
const TRIES_MAX = 4;
/** Only what never ends takes so long. */
const ENDED_MS = 200_000;
const POLL_MS = 50;

describe.skipIf(!hasBrowser())("bulk actions", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  async function publish(label: string, count: number): Promise<void> {
    const { shop } = world;
    const message = {
      destination: `${shop.appUrl}/later`,
      headers: { "Upstash-Delay": "1d", "Upstash-Label": label },
    };
    for (let sent = 0; sent < count; sent += BATCH) {
      const messages = Array.from({ length: Math.min(BATCH, count - sent) }, () => message);
      const body = JSON.stringify(messages);
      await shop.ask("POST", "/v2/batch", { headers: JSON_TYPE, body });
    }
  }

  /** Begins to cancel them in the background. */
  async function cancel(label: string): Promise<string> {
    const answer = await world.shop.ask("DELETE", `/v2/messages?label=${label}&async=true`);
    return (answer as { readonly actionId: string }).actionId; // So it answers.
  }

  async function actionOf(actionId: string): Promise<BulkActionResource> {
    const answer = await world.shop.ask("GET", `/v2/bulkActions/${actionId}`);
    return answer as BulkActionResource; // The answer of this path.
  }

  async function openOf(label: string): Promise<number> {
    const answer = await world.shop.ask("GET", `/v2/messages/count?label=${label}`);
    return (answer as MatchCount).count; // The answer of this path.
  }

  test("one appears while the page is open, and is told with what it chose and what it did", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/bulk-actions");
    await page.getByText("No bulk action", { exact: true }).waitFor();
    await publish("few", 30);
    const actionId = await cancel("few");
    const row = page.getByRole("row").filter({ hasText: actionId });
    await row.getByText("30 of 30").waitFor();
    await row.getByText("finished").waitFor();
    await row.getByText("label = few").waitFor();
    await row.getByText(/^30 messages after /).waitFor();
    expect(await openOf("few")).toBe(0);
    noFaults(watched);
  });

  test("one that goes on is stopped, and what it has not reached stays", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/queues");
    let stopped: BulkActionResource | null = null;
    let count = MANY;
    for (let number = 1; number <= TRIES_MAX; number += 1) {
      const label = `heap-${number}`;
      await publish(label, count);
      const actionId = await cancel(label);
      await page.goto(`${world.shop.url}/#/bulk-actions?state=progress`);
      const stop = page
        .getByRole("row")
        .filter({ hasText: actionId })
        .getByRole("button", { name: "Stop" });
      const end = until(
        "it to end",
        async () => (await actionOf(actionId)).state === "FINISHED",
        ENDED_MS,
        POLL_MS,
      );
      // It may end while the hand moves, and nobody can press any more.
      await Promise.race([stop.click().catch(() => {}), end]);
      await end;
      const ended = await actionOf(actionId);
      if (ended.processed < ended.total) {
        stopped = ended;
        break;
      }
      count *= 2;
      await visit("/queues");
    }
    if (stopped === null) throw new Error(`nobody could stop one of ${TRIES_MAX}`);
    const { actionId, processed, total, filter } = stopped;
    expect(total).toBe(count);
    expect(await openOf(filter.label?.[0] ?? "")).toBe(total - processed);
    const action = "DELETE /v2/bulkActions/:actionId";
    expect(await auditOf(world.shop, action, actionId)).toMatchObject(BY_DASHBOARD);
    await visit("/bulk-actions?state=finished");
    const row = page.getByRole("row").filter({ hasText: actionId });
    const done = new Intl.NumberFormat("en").format(processed);
    await row.getByText(new RegExp(`^${done} messages? after `)).waitFor();
    expect(await row.getByRole("button", { name: "Stop" }).count()).toBe(0);
    noFaults(watched);
  });
});
