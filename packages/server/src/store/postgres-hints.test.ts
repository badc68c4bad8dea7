import { afterAll, beforeAll, expect, test } from "vitest";
import { systemPauses } from "../host/system-pause.ts";
import {
  type EmbeddedPostgres,
  embeddedPostgres,
  startPostgres,
} from "./embedded-postgres.suite.ts";
import { openPostgresStore } from "./postgres.ts";
import { PostgresHints } from "./postgres-hints.ts";
import { Line } from "./postgres-line.ts";
import { Session } from "./postgres-session.ts";
import type { Hints } from "./store.ts";

/** Hints over a real PostgreSQL whose sessions end. */

let server: EmbeddedPostgres;
let url: string;

beforeAll(async () => {
  server = await embeddedPostgres();
  url = await server.createDatabase();
  await (await openPostgresStore({ url })).close();
});

afterAll(() => server.dropDatabase(url));

/** When connections were asked for, and whether one can be opened. */
interface Way {
  readonly askedAt: number[];
  isOpen: boolean;
}

const openWay = (): Way => ({ askedAt: [], isOpen: true });

function hintsAt(databaseUrl: string, way = openWay()): PostgresHints {
  const options = { url: databaseUrl, isPooled: false, pauses: systemPauses, onWarning: () => {} };
  const open = () => {
    way.askedAt.push(performance.now());
    if (!way.isOpen) return Promise.reject(new Error("the network is away on purpose"));
    return Session.open(options, "hints of a test");
  };
  return new PostgresHints(new Line({ open, pauses: systemPauses }));
}

/** Resolves when what `from` sends is heard: a watch takes a moment to stand, and until then hints are lost. */
async function reaches(from: Hints, heard: readonly string[], hint: string): Promise<void> {
  while (!heard.includes(hint)) {
    from.send(hint);
    await server.query("SELECT 1");
  }
}

function endListeners(databaseUrl: string): Promise<unknown> {
  const name = new URL(databaseUrl).pathname.slice(1);
  return server.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = '${name}' AND application_name = 'reprise hints of a test'`,
  );
}

test("whoever watches hears on, also when the connection has been ended, again and again", async () => {
  const way = openWay();
  const [listening, speaking] = [hintsAt(url, way), hintsAt(url)];
  const heard: string[] = [];
  listening.watch((hint) => heard.push(hint));
  await reaches(speaking, heard, "first");
  for (const round of ["second", "third", "fourth"]) {
    await endListeners(url);
    await reaches(speaking, heard, round);
  }
  expect(way.askedAt).toHaveLength(4);
  await Promise.all([listening.close(), speaking.close()]);
});

test("one hint is heard once, whatever has happened to the connection before", async () => {
  const [listening, speaking] = [hintsAt(url), hintsAt(url)];
  const heard: string[] = [];
  listening.watch((hint) => heard.push(hint));
  await reaches(speaking, heard, "ready");
  for (let round = 0; round < 3; round += 1) {
    await endListeners(url);
    await reaches(speaking, heard, `ready ${round}`);
  }
  speaking.send("once");
  speaking.send("end");
  await reaches(speaking, heard, "end");
  expect(heard.filter((hint) => hint === "once")).toEqual(["once"]);
  await Promise.all([listening.close(), speaking.close()]);
});

test("it comes back by itself when connections cannot be opened for a while, without being asked in a busy loop", async () => {
  const way = openWay();
  const [listening, speaking] = [hintsAt(url, way), hintsAt(url)];
  const heard: string[] = [];
  listening.watch((hint) => heard.push(hint));
  await reaches(speaking, heard, "before");
  way.isOpen = false;
  await endListeners(url);
  while (way.askedAt.length < 5) await server.query("SELECT 1");
  const [, first = 0, , , fourth = 0] = way.askedAt;
  // Four failures, and pauses of 50, 100 and 200 ms or half of that between them.
  expect(fourth - first).toBeGreaterThan(150);
  way.isOpen = true;
  await reaches(speaking, heard, "behind");
  await Promise.all([listening.close(), speaking.close()]);
});

test("a database that restarts is listened to again", async () => {
  const own = await startPostgres({ fsync: false });
  const ownUrl = await own.createDatabase();
  const way = openWay();
  const hints = hintsAt(ownUrl, way);
  const heard: string[] = [];
  hints.watch((hint) => heard.push(hint));
  await reaches(hints, heard, "before");
  await own.kill();
  hints.send("to nobody");
  // It may wait for a connection that is being opened; the next one is asked for when that has failed.
  for (const { length } = way.askedAt; way.askedAt.length < length + 2; )
    await server.query("SELECT 1");
  await own.start();
  await reaches(hints, heard, "behind");
  expect(heard).not.toContain("to nobody");
  await hints.close();
  await own.remove();
});

test("nobody hears behind the end of a watch, and nobody listens behind the close", async () => {
  const way = openWay();
  const [listening, speaking] = [hintsAt(url, way), hintsAt(url)];
  const [first, second]: [string[], string[]] = [[], []];
  const unwatch = listening.watch((hint) => first.push(hint));
  listening.watch((hint) => second.push(hint));
  await reaches(speaking, second, "both");
  expect(first).toContain("both");
  unwatch();
  await reaches(speaking, second, "one");
  expect(first).not.toContain("one");
  await listening.close();
  const { length } = way.askedAt;
  speaking.send("none");
  listening.send("to nobody");
  await server.query("SELECT 1");
  expect([second.includes("none"), way.askedAt.length]).toEqual([false, length]);
  await speaking.close();
});

test("a hint that is too long for PostgreSQL is lost, and the next one is heard", async () => {
  const hints = hintsAt(url);
  const heard: string[] = [];
  hints.watch((hint) => heard.push(hint));
  await reaches(hints, heard, "ready");
  const [longest, longer] = ["é".repeat(3_999), "é".repeat(4_000)];
  hints.send(longer);
  hints.send(longest);
  await reaches(hints, heard, "behind");
  expect([heard.includes(longest), heard.includes(longer)]).toEqual([true, false]);
  await hints.close();
});
