// docs/runbooks.md, typed by a machine: each section in a world in the state that it is about, with a real server as a process of its own.

import { type EmbeddedPostgres, startPostgres } from "@reprise/server/embedded-postgres.suite";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { buildImage, type Image } from "./image.ts";
import { type Ended, openRunbookWorld, type RunbookWorld, until } from "./runbook-world.ts";
import { readRunbooks } from "./runbooks.ts";

// Longer than what is waited for one after the other, on a machine with other work.
vi.setConfig({ testTimeout: 300_000 });

interface Scenario {
  /** Makes the state, and gives the variables of the section. */
  readonly prepare: (world: RunbookWorld) => Promise<Readonly<Record<string, string>>>;
  /** What somebody does beside the shell, by the number of the block that it comes before. */
  readonly before?: Readonly<Record<number, (world: RunbookWorld) => Promise<void> | void>>;
  readonly check: (blocks: readonly Ended[], world: RunbookWorld) => Promise<void> | void;
}

let image: Image;
let world: RunbookWorld;
/** The database of a section that needs one. */
let postgres: EmbeddedPostgres | null = null;

beforeAll(() => {
  image = buildImage();
});

beforeEach(async () => {
  world = await openRunbookWorld(image);
});

afterEach(async () => {
  await world.close();
  await postgres?.remove();
  postgres = null;
});

async function openDatabase(): Promise<string> {
  postgres = await startPostgres({ fsync: false });
  return postgres.createDatabase();
}

/** Starts the server of this world on a database of its own. */
async function startOnPostgres(): Promise<string> {
  const url = await openDatabase();
  world.set({ REPRISE_DATABASE_URL: url });
  await world.start();
  return url;
}

afterAll(() => image.remove());

/** Publishes to the app and gives the id. */
async function publish(headers: Readonly<Record<string, string>>, queue?: string): Promise<string> {
  const verb = queue === undefined ? "publish" : `enqueue/${queue}`;
  const path = `/v2/${verb}/${world.appUrl}/hook`;
  return String((await world.call(path, { method: "POST", headers, body: "{}" })).messageId);
}

/** Starts a run of the app and gives its id. */
async function trigger(headers: Readonly<Record<string, string>>): Promise<string> {
  const path = `/v2/trigger/${world.appUrl}/order`;
  return String((await world.call(path, { method: "POST", headers, body: "{}" })).workflowRunId);
}

/** Waits until a list of the API has something that names an id, and gives the whole answer. */
const listed = (path: string, id: string) =>
  until(`${id} in ${path}`, async () => {
    const text = JSON.stringify(await world.call(path));
    return text.includes(id) ? text : null;
  });

/** A run and two messages that have failed for good, and the dead letter of the run. */
async function fail(): Promise<string> {
  const run = await trigger({ "Upstash-Retries": "0" });
  const message = await publish({ "Upstash-Retries": "0" });
  const queued = await publish({ "Upstash-Retries": "0" }, "orders");
  await listed("/v2/dlq", message);
  await listed("/v2/dlq", queued);
  const text = await listed("/v2/workflows/dlq", run);
  return /"dlqId":"([^"]+)"/.exec(text)?.[1] ?? "none";
}

async function out(script: string): Promise<string> {
  const ended = await world.run(script);
  expect(ended.code, ended.err).toBe(0);
  return ended.out.trim();
}

const scenarios: Readonly<Record<string, Scenario>> = {
  "The first look": {
    prepare: async () => {
      await world.start();
      await fail();
      return {};
    },
    check: ([look]) => {
      expect(look?.out).toContain('{"status":"ok"');
      expect(look?.out).toContain("warehouse is closed");
      expect(look?.err).toContain("everything holds; a server works with it");
    },
  },
  "The disk is full": {
    prepare: async () => {
      world.set({ REPRISE_DISK_PERCENT_MAX: "1" });
      await world.start();
      const refused = await world.run('reprise publish "$APP/hook"');
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("disk") });
      const ready = await fetch(`${world.url}/readyz`);
      expect(await ready.json()).toEqual({ status: "unavailable", reasons: ["disk_full"] });
      return {};
    },
    check: async ([, raise]) => {
      expect(raise?.out).toContain('{"status":"ok"}');
      expect(await out('reprise publish "$APP/hook"')).toMatch(/^msg_/);
    },
  },
  "The database is down": {
    prepare: async () => {
      const url = await startOnPostgres();
      await publish({ "Upstash-Delay": "1h" });
      await postgres?.stop();
      return { DATABASE_URL: url };
    },
    before: {
      1: async () => {
        await postgres?.start();
        await until("the server to be ready", async () =>
          (await fetch(`${world.url}/readyz`)).ok ? true : null,
        );
      },
    },
    check: async ([down, up]) => {
      expect(world.said()).toMatch(/Data is kept in postgres:\/\/[^@\n]+\.$/m);
      expect(down?.out).toContain("storage_unavailable");
      expect(up?.out).toContain('{"status":"ok"}');
      expect(await out("reprise messages list")).toContain("/hook");
    },
  },
  "A flood of dead letters": {
    prepare: async () => {
      await world.start();
      return { DEAD_LETTER: await fail() };
    },
    before: {
      2: () => {
        world.app.mode = "healed";
      },
    },
    check: async ([look, hold, again]) => {
      expect(look?.out).toContain("503");
      expect(hold?.code).toBe(0);
      expect(again?.err).toContain("resumed: 1 of 1");
      expect(again?.err).toContain("retried: 1 of 1");
      expect(await out("reprise dlq list")).toBe("");
    },
  },
  "A stuck run": {
    prepare: async () => {
      world.app.mode = "idle";
      await world.start();
      const run = await trigger({});
      await until("the run to be stuck", async () =>
        (await out("reprise runs list --stuck")).includes(run) ? true : null,
      );
      world.app.mode = "healed";
      return { RUN: run };
    },
    check: async ([nudge]) => {
      expect(nudge?.err).toContain("nudged: 1 of 1 run");
      await until("the end of the run", async () =>
        (await out("reprise runs list --stuck")) === "" ? true : null,
      );
    },
  },
  "Delivered twice: is it us?": {
    prepare: async () => {
      await world.start();
      const message = await publish({ "Upstash-Retries": "1", "Upstash-Retry-Delay": "1" });
      await listed("/v2/dlq", message);
      return { MESSAGE: message };
    },
    check: ([explained]) => {
      expect(explained?.out.match(/503/g)?.length).toBeGreaterThan(1);
    },
  },
  "The token is lost": {
    prepare: async () => {
      await world.start();
      return {};
    },
    check: async ([replace]) => {
      expect(replace?.out).toContain("full");
      const old = await world.run("reprise tokens list");
      expect(old).toMatchObject({ code: 1, out: "" });
    },
  },
  "Keys: rotated, lost, stolen": {
    prepare: async () => {
      await world.start();
      return {};
    },
    check: ([rotated, forced]) => {
      const keys = (ended: Ended | undefined) =>
        [...(ended?.out.matchAll(/KEY=(sig_\S+)/g) ?? [])].map(([, key]) => key);
      expect(new Set([...keys(rotated), ...keys(forced)]).size).toBeGreaterThan(2);
    },
  },
  "The clock is wrong": {
    prepare: async () => {
      await world.start();
      await publish({ "Upstash-Delay": "1h" });
      return {};
    },
    check: ([waiting]) => {
      expect(waiting?.out).toContain("delay until");
    },
  },
  "Restore a backup": {
    prepare: async () => {
      await world.start();
      await fail();
      return {};
    },
    before: {
      1: async () => {
        await out("reprise dlq delete --all --yes");
        expect(await out("reprise dlq list")).toBe("");
      },
    },
    check: async ([, restored]) => {
      expect(restored?.err).toContain("nothing was changed");
      expect(restored?.err).toContain("everything holds; a server works with it");
      const letters = JSON.parse(await out("reprise dlq list --json"));
      expect(letters).toHaveLength(3);
    },
  },
  "Another node, and one less": {
    prepare: async () => {
      await startOnPostgres();
      return {};
    },
    check: ([more, less]) => {
      expect(more?.out).toContain("reprise_nodes 2");
      expect(less?.out).toContain('{"status":"ok"}');
    },
  },
  "From SQLite to PostgreSQL": {
    prepare: async () => {
      await world.start();
      await fail();
      await publish({ "Upstash-Delay": "1h" });
      return { DATABASE_URL: await openDatabase() };
    },
    check: async ([plan, move]) => {
      expect(plan?.out).toContain("deadLetters");
      expect(move?.err).toContain("everything holds; a server works with it");
      expect(JSON.parse(await out("reprise dlq list --json"))).toHaveLength(3);
      expect(await out("reprise messages list")).toContain("/hook");
    },
  },
};

const runbooks = readRunbooks("docs/runbooks.md");

test("every runbook is run, and says what to type", () => {
  expect(runbooks.map(({ title }) => title).toSorted()).toEqual(Object.keys(scenarios).toSorted());
  for (const { title, blocks } of runbooks) expect(blocks.length, title).toBeGreaterThan(0);
});

test.each(runbooks)("$title", async ({ title, blocks }) => {
  const { prepare, before = {}, check } = scenarios[title] ?? {};
  if (prepare === undefined || check === undefined) throw new Error(`${title} has no world`);
  const variables = await prepare(world);
  const ended: Ended[] = [];
  for (const [index, block] of blocks.entries()) {
    await before[index]?.(world);
    const end = await world.run(block, variables);
    expect(end.code, `${block}\n${end.out}${end.err}`).toBe(0);
    ended.push(end);
  }
  await check(ended, world);
});
