// Hostile texts in every field that others write: none of them runs anywhere, and the page never even tries to load something.

import { serve, type WorkflowContext } from "@upstash/workflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";
import { headerSafe, VECTORS } from "./vectors.ts";

const PER_RUN = 24;
/** A hundred pages, one after the other, on a machine that does other things as well. */
const MANY_PAGES_MS = 300_000;
const chunks = Array.from({ length: Math.ceil(VECTORS.length / PER_RUN) }, (_, index) =>
  VECTORS.slice(index * PER_RUN, (index + 1) * PER_RUN),
);

test("the corpus is large enough", () => {
  expect(VECTORS.length).toBeGreaterThanOrEqual(100);
});

describe.skipIf(!hasBrowser())("hostile texts", () => {
  let world: BrowserWorld;
  let runIds: readonly string[];
  let messageIds: readonly string[];

  beforeAll(async () => {
    world = await openWorld();
    runIds = await Promise.all(chunks.map((vectors, index) => runOf(vectors, index)));
    messageIds = await Promise.all(VECTORS.map(messageOf));
    for (const runId of runIds) await world.shop.reaches(runId, "RUN_FAILED");
    await until("all messages to be dead", async () => {
      const answer = await world.shop.ask("GET", "/v2/dlq/count");
      return (answer as { readonly count: number }).count === VECTORS.length; // A count of this server.
    });
    await controls();
  });

  afterAll(() => world?.close());

  /** A run whose steps, results, payload, error and headers are hostile. */
  async function runOf(vectors: readonly string[], index: number): Promise<string> {
    const { shop } = world;
    const workflow = async (context: WorkflowContext) => {
      for (const vector of vectors) await context.run(vector, () => ({ [vector]: vector }));
      throw new Error(vectors.join("\n"));
    };
    shop.serve(`/hostile/${index}`, (qstashClient) => serve(workflow, { qstashClient }).handler);
    const path = `/hostile/${index}?${encodeURIComponent(vectors[0] ?? "")}`;
    return shop.trigger(path, vectors, {
      headers: { "x-hostile": headerSafe(vectors[3] ?? "") || "x" },
    });
  }

  /** A message that fails with a page made of the vector. */
  async function messageOf(vector: string): Promise<string> {
    const { shop } = world;
    const answer = await shop.ask(
      "POST",
      `/v2/publish/${shop.appUrl}/echo/${encodeURIComponent(vector)}`,
      {
        headers: {
          "content-type": "text/html",
          "Upstash-Retries": "0",
          "Upstash-Flow-Control-Key": headerSafe(vector) || "x",
          "Upstash-Flow-Control-Value": "parallelism=2",
          "Upstash-Forward-X-Hostile": headerSafe(vector) || "x",
        },
        body: vector,
      },
    );
    return (answer as { readonly messageId: string }).messageId; // The answer of a publish.
  }

  async function controls(): Promise<void> {
    const { shop } = world;
    const [first = "", second = ""] = VECTORS;
    const path = `/v2/schedules/${shop.appUrl}/${encodeURIComponent(first)}`;
    await shop.ask("POST", path, { headers: { "Upstash-Cron": "0 0 1 1 *" }, body: second });
    const endpoints = [{ name: "hostile", url: `${shop.appUrl}/?${encodeURIComponent(second)}` }];
    await shop.ask("POST", "/v2/topics/hostile/endpoints", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ endpoints }),
    });
  }

  test.each([
    "/",
    "/runs",
    "/failures",
    "/failures?kind=messages",
    "/failures/entries",
    "/failures/entries?kind=messages",
    "/messages",
    "/logs",
    "/schedules",
    "/url-groups",
    "/flow-control",
    "/waiters",
    "/audit",
  ])("%s shows them as text", async (place) => {
    const watched = await openPage(world);
    await watched.visit(place);
    await settled(watched.page);
    noFaults(watched);
  });

  test("the pages of the runs, tab by tab", { timeout: MANY_PAGES_MS }, async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    for (const runId of runIds) {
      await visit(`/runs/${runId}`);
      for (const tab of ["Payload and result", "Failure function", "Events", "Steps"]) {
        await page.getByRole("button", { name: tab }).click();
        await settled(page);
      }
    }
    noFaults(watched);
  });

  test("the pages of the messages", { timeout: MANY_PAGES_MS }, async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    for (const messageId of messageIds) {
      await visit(`/messages/${messageId}`);
      await settled(page);
    }
    noFaults(watched);
  });

  test("the answers of the messages, each as a page in a frame", {
    timeout: MANY_PAGES_MS,
  }, async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const answer = await world.shop.ask("GET", "/v2/dlq?count=100");
    // The shape of a list of dead messages.
    const { messages } = answer as { readonly messages: readonly { readonly dlqId: string }[] };
    expect(messages.length).toBeGreaterThan(90);
    for (const { dlqId } of messages) {
      await visit(`/failures/entries?kind=messages&open=${encodeURIComponent(dlqId)}`);
      await page.getByRole("tab", { name: "Response" }).click();
      await page.getByRole("button", { name: "Preview" }).first().click();
      await page.locator("iframe[sandbox]").first().waitFor();
      await settled(page);
    }
    noFaults(watched);
  });

  test("in the address, the filter and the name of a saved view", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    for (const vector of VECTORS.slice(0, 40)) {
      await visit(`/runs?q=${encodeURIComponent(vector)}&state=${encodeURIComponent(vector)}`);
    }
    await visit(`/runs/${encodeURIComponent(VECTORS[0] ?? "")}`);
    await settled(page);
    noFaults(watched);
  });

  test("a planted script is noticed", async () => {
    const watched = await openPage(world);
    await watched.visit("/");
    await watched.page.evaluate(
      "document.body.append(Object.assign(document.createElement('img'), { src: '//example.invalid/x.png' }))",
    );
    await expect.poll(() => watched.faults.length).toBeGreaterThan(0);
  });
});
