// Resumes of many dead letters by several clients at once.

import { expect, test } from "vitest";
import { type RawEndpoint, startRawEndpoint } from "../bench/raw-endpoint.ts";
import { newRunId, triggerItem } from "../bench/wire.ts";
import { until } from "../conformance/until.ts";
import { costOf, type ScaleWorld, useScaleWorlds } from "./scale-world.ts";

const openWorld = useScaleWorlds();

const RUNS = 500;
const CLIENTS = 4;

/** Starts runs that fail at their first delivery, and waits until they are in the dead letter queue. */
async function failRuns(world: ScaleWorld, label: string): Promise<RawEndpoint> {
  const endpoint = await startRawEndpoint(world.server, {
    onDelivery: async () => ({ status: 489, headers: { "upstash-nonretryable-error": "true" } }),
    onFault: (error) => {
      throw error;
    },
  });
  world.onEnd(() => endpoint.close());
  const headers = { "upstash-label": label };
  const items = Array.from({ length: RUNS }, () =>
    triggerItem(`${endpoint.url}/workflow`, newRunId(), headers),
  );
  await endpoint.batch(JSON.stringify(items));
  const where = [
    { type: "in", column: "state", values: ["open"] },
    { type: "contains", column: "labels", values: [label] },
  ] as const;
  await until(
    "the dead letters, with their failure functions called",
    async () => {
      const messages = await world.store.find("messages", "pendingByState", [["active"]]);
      return (await world.store.count("deadLetters", where)) === RUNS && messages.length === 0;
    },
    60_000,
  );
  return endpoint;
}

/** Resumes page by page until the cursor says that nothing is left. */
async function resumeAll(endpoint: RawEndpoint, label: string): Promise<readonly string[]> {
  const runIds: string[] = [];
  for (let cursor: string | null = null; cursor !== ""; ) {
    const behind: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/v2/workflows/dlq/resume?label=${label}&count=50${behind}`;
    const text = await endpoint.request("POST", path, undefined, ["upstash-delay", "1d"]);
    // The shape is what the conformance tests check.
    const page = JSON.parse(text) as {
      readonly workflowRuns: readonly { readonly workflowRunId: string }[];
      readonly cursor: string;
    };
    runIds.push(...page.workflowRuns.map(({ workflowRunId }) => workflowRunId));
    cursor = page.cursor;
  }
  return runIds;
}

test("several clients share the dead letters: each is resumed once, and costs no more than with one client", async () => {
  const world = await openWorld();
  const alone = await failRuns(world, "alone");
  const shared = await failRuns(world, "shared");
  const costAlone = await costOf(world, async () => {
    expect(new Set(await resumeAll(alone, "alone")).size).toBe(RUNS);
  });
  const runIds: string[] = [];
  const costShared = await costOf(world, async () => {
    const clients = Array.from({ length: CLIENTS }, () => resumeAll(shared, "shared"));
    runIds.push(...(await Promise.all(clients)).flat());
  });
  expect(runIds).toHaveLength(RUNS);
  expect(new Set(runIds).size).toBe(RUNS);
  expect(costShared.read).toBeLessThan(1.2 * costAlone.read);
  expect(costShared.written).toBeLessThan(1.1 * costAlone.written);
});
