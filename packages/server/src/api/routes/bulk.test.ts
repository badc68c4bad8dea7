import { describe, expect, test } from "vitest";
import {
  createWorld,
  type Failed,
  respond,
  type StartOptions,
  type World,
} from "../test-world.suite.ts";

const QUEUE = "/v2/workflows/dlq";

interface Page {
  readonly workflowRuns: readonly { readonly workflowRunId: string }[];
  readonly cursor: string;
}

async function failMany(world: World, count: number, options: StartOptions = {}) {
  world.host.app = () => respond(500);
  const failed: Failed[] = [];
  for (let index = 0; index < count; index += 1) failed.push(await world.fail(options));
  return failed;
}

/** Revived runs hang in their first delivery, so that they do not fail again. */
function hang(world: World): void {
  world.host.app = () => new Promise(() => {});
}

async function openIds(world: World): Promise<readonly string[]> {
  const { body } = await world.call(QUEUE);
  return body.messages.map(({ dlqId }) => dlqId);
}

async function page(world: World, target: string, method = "POST"): Promise<Page> {
  const { status, body } = await world.call(`${QUEUE}${target}`, { method });
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

/** The runs from which the runs of a page go on, in the page's order. */
async function sourcesOf(world: World, { workflowRuns }: Page): Promise<readonly unknown[]> {
  const logs = await Promise.all(workflowRuns.map(({ workflowRunId }) => world.log(workflowRunId)));
  return logs.map(({ resumedFrom }) => resumedFrom?.workflowRunId);
}

describe.each(["resume", "restart"])("bulk %s", (mode) => {
  test("S57: dlqIds wins over every other filter", async () => {
    const world = await createWorld();
    const [a, b, c] = await failMany(world, 3);
    hang(world);
    const ids = `dlqIds=${c?.dlqId}&dlqIds=${a?.dlqId}`;
    const answer = await page(
      world,
      `/${mode}?${ids}&label=nobody&workflowRunId=x&count=1&toDate=5`,
    );
    expect(await sourcesOf(world, answer)).toEqual([c?.runId, a?.runId]);
    expect(answer.cursor).toBe("");
    expect(await openIds(world)).toEqual([b?.dlqId]);
  });

  test("S57: ids may be repeated, a comma list, or in a JSON body; the answer keeps their order", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 6);
    hang(world);
    const [a, b, c, d, e, f] = failed.map(({ dlqId }) => dlqId);
    const first = await page(world, `/${mode}?dlqIds=${b},${a}`);
    expect(await sourcesOf(world, first)).toEqual([failed[1]?.runId, failed[0]?.runId]);
    await page(world, `/${mode}?dlqIds=${d}&dlqIds=${c}`);
    const { status, body } = await world.call(`${QUEUE}/${mode}`, {
      method: "POST",
      body: JSON.stringify({ dlqIds: [f, e] }),
    });
    expect(status).toBe(200);
    expect(await sourcesOf(world, body)).toEqual([failed[5]?.runId, failed[4]?.runId]);
    expect(await openIds(world)).toEqual([]);
  });

  test("S57: when one of the ids is unknown, none is handled", async () => {
    const world = await createWorld();
    const [a, b] = await failMany(world, 2);
    const reply = await world.call(`${QUEUE}/${mode}?dlqIds=${a?.dlqId},1-1,${b?.dlqId}`, {
      method: "POST",
    });
    expect(reply.status).toBe(404);
    expect(await openIds(world)).toEqual([a?.dlqId, b?.dlqId]);
  });

  test.each(["?dlqIds=", "?dlqIds=,", "?dlqIds=&count=5"])(
    "S57: an empty list of ids (%s) is refused and never means all",
    async (search) => {
      const world = await createWorld();
      const [a] = await failMany(world, 1);
      const reply = await world.call(`${QUEUE}/${mode}${search}`, { method: "POST" });
      expect(reply).toMatchObject({
        status: 400,
        body: { error: expect.stringMatching(/^dlqIds must have a value/) },
      });
      expect(await openIds(world)).toEqual([a?.dlqId]);
    },
  );

  test("S57: an empty list of ids in a body is refused as well", async () => {
    const world = await createWorld();
    await failMany(world, 1);
    const reply = await world.call(`${QUEUE}/${mode}`, { method: "POST", body: '{"dlqIds":[]}' });
    expect(reply.status).toBe(400);
    expect(await openIds(world)).toHaveLength(1);
  });

  test("more ids than one transaction takes are refused", async () => {
    const world = await createWorld();
    const ids = Array.from({ length: 101 }, (_, index) => `1-${index}`);
    const reply = await world.call(`${QUEUE}/${mode}`, {
      method: "POST",
      body: JSON.stringify({ dlqIds: ids }),
    });
    expect(reply).toMatchObject({
      status: 400,
      body: { error: "dlqIds must have at most 100 ids, got 101" },
    });
  });

  test("S58: following the cursor handles every match exactly once while new entries arrive", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 7);
    const sources: unknown[] = [];
    const late: Failed[] = [];
    let cursor = "";
    do {
      hang(world);
      const answer = await page(world, `/${mode}?count=3&cursor=${cursor}`);
      expect(answer.workflowRuns.length).toBeLessThanOrEqual(3);
      sources.push(...(await sourcesOf(world, answer)));
      cursor = answer.cursor;
      late.push(...(await failMany(world, 1)));
    } while (cursor !== "");
    expect(sources).toEqual(failed.map(({ runId }) => runId));
    expect(await openIds(world)).toEqual(late.map(({ dlqId }) => dlqId));
  });

  test("S58: a run that fails again at once is not revived for ever", async () => {
    const world = await createWorld();
    await failMany(world, 3);
    let pages = 0;
    let cursor = "";
    do {
      const answer = await page(world, `/${mode}?count=1&cursor=${cursor}`);
      cursor = answer.cursor;
      pages += 1;
      const before = 3;
      await world.until(async () => (await openIds(world)).length === before);
      expect(pages).toBeLessThanOrEqual(3);
    } while (cursor !== "");
    expect(pages).toBe(3);
  });

  test("S58: entries that somebody else handles between two pages are passed over", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 6);
    hang(world);
    const first = await page(world, `/${mode}?count=2`);
    await world.call(`${QUEUE}/${failed[2]?.dlqId}`, { method: "DELETE" });
    await world.call(`${QUEUE}/${failed[4]?.dlqId}`, { method: "DELETE" });
    const second = await page(world, `/${mode}?count=2&cursor=${first.cursor}`);
    expect(await sourcesOf(world, second)).toEqual([failed[3]?.runId, failed[5]?.runId]);
    expect(second.cursor).toBe("");
  });

  test("two bulk requests at once handle every entry exactly once together", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 12);
    hang(world);
    const [a, b] = await Promise.all([page(world, `/${mode}`), page(world, `/${mode}`)]);
    const sources = [...(await sourcesOf(world, a)), ...(await sourcesOf(world, b))];
    expect(sources.toSorted()).toEqual(failed.map(({ runId }) => runId).toSorted());
  });

  test("S59: count is the most that one request handles", async () => {
    const world = await createWorld();
    await failMany(world, 4);
    hang(world);
    const answer = await page(world, `/${mode}?count=3`);
    expect(answer.workflowRuns).toHaveLength(3);
    expect(answer.cursor).not.toBe("");
    expect(await openIds(world)).toHaveLength(1);
  });

  test("S59: a count that is exactly reached leaves no cursor", async () => {
    const world = await createWorld();
    await failMany(world, 3);
    hang(world);
    expect((await page(world, `/${mode}?count=3`)).cursor).toBe("");
  });

  test("S59: a count above 50 handles 50 and gives a cursor", async () => {
    const world = await createWorld();
    await failMany(world, 53);
    hang(world);
    const first = await page(world, `/${mode}?count=100`);
    expect(first.workflowRuns).toHaveLength(50);
    const second = await page(world, `/${mode}?count=100&cursor=${first.cursor}`);
    expect(second.workflowRuns).toHaveLength(3);
    expect(second.cursor).toBe("");
  });

  test("S59: without count all that match are handled", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 64);
    hang(world);
    const answer = await page(world, `/${mode}`);
    expect(await sourcesOf(world, answer)).toEqual(failed.map(({ runId }) => runId));
    expect(answer.cursor).toBe("");
    expect(await openIds(world)).toEqual([]);
  });

  test("S60-S69: filters choose, in the query or in a JSON body", async () => {
    const world = await createWorld();
    const [a] = await failMany(world, 1, { config: { labels: ["x"] }, callerIp: "192.0.2.1" });
    const [b] = await failMany(world, 1, { config: { labels: ["x", "y"] }, callerIp: "192.0.2.2" });
    const [c] = await failMany(world, 1, { config: { labels: ["z"] }, callerIp: "192.0.2.2" });
    hang(world);
    const first = await page(world, `/${mode}?label=x,z&callerIp=192.0.2.2&label=q`);
    expect(await sourcesOf(world, first)).toEqual([b?.runId, c?.runId]);
    const { body } = await world.call(`${QUEUE}/${mode}`, {
      method: "POST",
      body: '{"label":"x"}',
    });
    expect(await sourcesOf(world, body)).toEqual([a?.runId]);
  });

  test("a filter that matches nothing is a success", async () => {
    const world = await createWorld();
    await failMany(world, 1);
    expect(await page(world, `/${mode}?label=nobody`)).toEqual({ workflowRuns: [], cursor: "" });
  });

  test.each([
    "labeel=x",
    "host=app.example",
    "path=/order",
    "cancel=true",
    "source=workflow",
    "count=0",
    "count=-1",
    "count=abc",
    "fromDate=2&toDate=1",
    "failureFunctionState=none",
    "cursor=1.AAAAAAAAAAAAAAAAAAAAAA",
    "label=",
    "workflowUrl=",
  ])("%s is refused and changes nothing", async (search) => {
    const world = await createWorld();
    await failMany(world, 1);
    const reply = await world.call(`${QUEUE}/${mode}?${search}`, { method: "POST" });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toMatch(new RegExp(`^${/^\w+/.exec(search)?.[0]} `));
    expect(await openIds(world)).toHaveLength(1);
  });
});

describe("when the disk is full", () => {
  test("nothing is handled and the request may be repeated", async () => {
    const world = await createWorld();
    const failed = await failMany(world, 3);
    hang(world);
    world.isDiskFull = true;
    for (const search of ["", `?dlqIds=${failed[0]?.dlqId}`]) {
      const reply = await world.call(`${QUEUE}/resume${search}`, { method: "POST" });
      expect(reply.status).toBe(503);
    }
    world.isDiskFull = false;
    expect(await openIds(world)).toHaveLength(3);
    expect((await page(world, "/resume")).workflowRuns).toHaveLength(3);
  });

  test("in the middle of a request, it tells what it has done and gives a cursor to the rest", async () => {
    const world = await createWorld();
    const total = 70;
    const failed = await failMany(world, total);
    // The first run that goes on takes the last room.
    world.host.app = () => {
      world.isDiskFull = true;
      return new Promise(() => {});
    };
    const first = await page(world, "/resume");
    expect(first.workflowRuns.length).toBeGreaterThan(0);
    expect(first.workflowRuns.length).toBeLessThan(total);
    expect(first.cursor).not.toBe("");
    world.isDiskFull = false;
    hang(world);
    const second = await page(world, `/resume?cursor=${first.cursor}`);
    expect(second.cursor).toBe("");
    const sources = [...(await sourcesOf(world, first)), ...(await sourcesOf(world, second))];
    expect(sources).toEqual(failed.map(({ runId }) => runId));
  });
});

describe("a page of a resume", () => {
  /** Commits of a page of six entries whose runs have so many records as it seems. */
  async function commitsFor(stepCounts: readonly number[]): Promise<number> {
    const world = await createWorld();
    const failed = await failMany(world, stepCounts.length);
    hang(world);
    const runs = await world.store.find(
      "runs",
      "byId",
      failed.map(({ runId }) => [runId]),
    );
    await world.store.transaction((transaction) =>
      transaction.write(
        runs.map(({ key }, index) => {
          const set = { stepCount: stepCounts[index] ?? 1 };
          return { type: "update", table: "runs", key, set };
        }),
      ),
    );
    const before = world.store.counters.commits;
    const { workflowRuns } = await page(world, "/resume?count=50");
    expect(workflowRuns).toHaveLength(failed.length);
    return world.store.counters.commits - before;
  }

  test("goes on in one transaction when the runs are short", async () => {
    expect(await commitsFor([1, 1, 1, 1, 1, 1])).toBe(1);
  });

  test("gives long runs transactions of their own, so that nobody waits behind many of them", async () => {
    expect(await commitsFor([600, 600, 300, 300, 1, 1])).toBe(4);
  });
});

test("a cursor of a resume is none of a restart", async () => {
  const world = await createWorld();
  await failMany(world, 2);
  hang(world);
  const { cursor } = await page(world, "/resume?count=1");
  const reply = await world.call(`${QUEUE}/restart?cursor=${cursor}`, { method: "POST" });
  expect(reply.status).toBe(400);
  expect(await openIds(world)).toHaveLength(1);
});

describe("bulk delete", () => {
  test("named entries are deleted; unknown ids are not counted", async () => {
    const world = await createWorld();
    const [a, b, c] = await failMany(world, 3);
    const ids = `dlqIds=${a?.dlqId},1-1,unknown&dlqIds=${c?.dlqId}`;
    expect(await page(world, `?${ids}&label=nobody`, "DELETE")).toEqual({ deleted: 2 });
    expect(await openIds(world)).toEqual([b?.dlqId]);
    expect(await page(world, `?${ids}`, "DELETE")).toEqual({ deleted: 0 });
  });

  test("a count of one deletes exactly one, and the cursor leads to the rest", async () => {
    const world = await createWorld();
    const [, b, c] = await failMany(world, 3);
    const first = await page(world, "?count=1", "DELETE");
    expect(first).toEqual({ deleted: 1, cursor: expect.any(String) });
    expect(await openIds(world)).toEqual([b?.dlqId, c?.dlqId]);
    expect(await page(world, `?count=100&cursor=${first.cursor}`, "DELETE")).toEqual({
      deleted: 2,
    });
  });

  test("filters choose what is deleted", async () => {
    const world = await createWorld();
    await failMany(world, 1, { config: { labels: ["x"] } });
    const [b] = await failMany(world, 1);
    expect(await page(world, "?label=x", "DELETE")).toEqual({ deleted: 1 });
    expect(await page(world, "?label=x", "DELETE")).toEqual({ deleted: 0 });
    expect(await openIds(world)).toEqual([b?.dlqId]);
  });

  test("one request without count is bounded, and its cursor leads to the rest", async () => {
    const world = await createWorld();
    await failMany(world, 1);
    const [row] = await world.store.list("deadLetters", {
      where: [],
      order: "ascending",
      limit: 1,
    });
    if (row === undefined) throw new Error("a failed run has a dead letter");
    await world.store.transaction((transaction) =>
      transaction.write(
        Array.from({ length: 1002 }, (_, index) => ({
          type: "insert" as const,
          table: "deadLetters" as const,
          row: { ...row, key: 1_000_000 + index },
        })),
      ),
    );
    const first = await page(world, "", "DELETE");
    expect(first).toEqual({ deleted: 1000, cursor: expect.any(String) });
    expect(await page(world, `?cursor=${first.cursor}`, "DELETE")).toEqual({ deleted: 3 });
  });

  test.each(["?dlqIds=", "?labeel=x", "?cancel=true", "?count=0"])(
    "%s is refused and deletes nothing",
    async (search) => {
      const world = await createWorld();
      await failMany(world, 1);
      const reply = await world.call(`${QUEUE}${search}`, { method: "DELETE" });
      expect(reply.status).toBe(400);
      expect(await openIds(world)).toHaveLength(1);
    },
  );
});
