// Structured requests and changed bytes against the real server; `npm run fuzz` sends as many as anybody has time for.

import { afterEach, expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";
import { mutate } from "./mutation.ts";
import { sampleRequests } from "./samples.ts";
import { openTarget, type Target, type TargetOptions } from "./target.ts";

const SEED = 20_260_101;
const MS_MAX = 600_000;

let target: Target | null = null;

async function open(options: TargetOptions): Promise<Target> {
  target = await openTarget(options);
  return target;
}

afterEach(async () => {
  await target?.close();
  target = null;
});

/** The server is still there, and for others than those who attack it. */
async function isWell({ server }: Target): Promise<boolean> {
  const headers = { authorization: `Bearer ${server.token}` };
  const answers = [
    await fetch(`${server.url}/readyz`),
    await fetch(`${server.url}/v2/queues`, { headers }),
  ];
  return answers.every(({ ok }) => ok);
}

test(
  "15,000 requests at once over several connections break nothing",
  async () => {
    const attacked = await open({ isDelivering: true });
    const report = await fuzz(attacked, {
      ...{ requests: 15_000, seed: SEED, connections: 8, isCountingWrites: false },
    });
    expect(report.faults).toEqual([]);
    expect(report.requests).toBe(15_000);
    expect(await isWell(attacked)).toBe(true);
    // Neither all refused nor all taken: the grammar reaches what it is meant for.
    expect(report.statuses.get(200)).toBeGreaterThan(2_000);
    expect(report.statuses.get(400)).toBeGreaterThan(2_000);
  },
  MS_MAX,
);

test(
  "5,000 requests one after the other: those that are refused write nothing",
  async () => {
    const attacked = await open({ isDelivering: false });
    const report = await fuzz(attacked, {
      ...{ requests: 5_000, seed: SEED + 1_000, connections: 1, isCountingWrites: true },
    });
    expect(report.faults).toEqual([]);
    expect(report.compared).toBeGreaterThan(2_500);
    expect(await isWell(attacked)).toBe(true);
  },
  MS_MAX,
);

test(
  "3,000 requests whose bytes were changed break nothing",
  async () => {
    const attacked = await open({ isDelivering: true });
    const report = await mutate(attacked, sampleRequests(attacked, SEED), {
      ...{ requests: 3_000, seed: SEED, connections: 16 },
    });
    expect(report.faults).toEqual([]);
    expect(report.answers).toBeGreaterThan(2_500);
    expect(await isWell(attacked)).toBe(true);
  },
  MS_MAX,
);
