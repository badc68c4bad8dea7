// A node that stands still for longer than its lease, and goes on as if nothing had happened: others have its work by then, and nothing
// that it still brings may land a second time. The number that fences is the lease token of the message.

import { messageKey } from "@reprise/protocol";
import type { Change } from "@reprise/server";
import { expect, test } from "vitest";
import { itemHeaders, resultRecord } from "../bench/wire.ts";
import type { Asleep } from "./gatekeeper.ts";
import { type Answer, type Delivered, okOf, useRaceCluster } from "./race-cluster.ts";

const cluster = useRaceCluster();

const SLEEPER = 0;
const OTHER = 1;

interface Published {
  readonly messageId: string;
}

/** An app and its run. */
interface Flow {
  readonly path: string;
  readonly runId: string;
}

const inserts = (path: string) => (changes: readonly Change[]) =>
  changes.some(
    (change) =>
      change.type === "insert" && change.table === "messages" && change.row.url.endsWith(path),
  );

async function publish(path: string): Promise<string> {
  const answer = await cluster.call(SLEEPER, {
    method: "POST",
    path: `/v2/publish/${cluster.url(path)}`,
    body: "{}",
  });
  return okOf<Published>(answer).messageId;
}

async function trigger(kind: string): Promise<Flow> {
  const flow = { path: `/held/${cluster.name(kind)}`, runId: `wfr_${cluster.name("run")}` };
  const url = cluster.url(flow.path);
  const headers = itemHeaders(flow.runId, url, true);
  const body = JSON.stringify([{ destination: url, headers, body: "{}" }]);
  okOf(await cluster.call(SLEEPER, { method: "POST", path: "/v2/batch", body }));
  return flow;
}

/** Lets the other node have whatever the sleeping one held. */
async function takenOver(paths: readonly string[]): Promise<readonly Delivered[]> {
  const again: Delivered[] = [];
  for (const path of paths) {
    const [, second] = await cluster.delivered(path, 2);
    if (second === undefined) throw new Error(`${path} was delivered twice, as was waited for`);
    again.push(second);
  }
  return again;
}

/** Outcomes of the sleeping node that nobody has taken. */
async function fenced(): Promise<number> {
  const { text } = await cluster.call(SLEEPER, { method: "GET", path: "/metrics" });
  return Number(/^reprise_outcomes_fenced_total (\d+)/m.exec(text)?.[1]);
}

async function momentsOf(messageId: string): Promise<readonly string[]> {
  const rows = await cluster.query<{ readonly moment: string }>(
    `SELECT moment FROM logs WHERE "messageKey" = ${messageKey(messageId)} ORDER BY key`,
  );
  return rows.map(({ moment }) => moment);
}

function attemptsOf(path: string): Promise<number> {
  return cluster.count(
    `SELECT count(*) FROM attempts WHERE "messageKey" IN (${[
      ...new Set(cluster.deliveriesOf(path).map(({ messageId }) => messageKey(messageId))),
    ].join()})`,
  );
}

async function outputsOf({ runId }: Flow): Promise<readonly unknown[]> {
  const rows = await cluster.query<{ readonly body: Buffer }>(
    `SELECT s.body FROM steps s JOIN runs r ON r.key = s."runKey" WHERE r.id = '${runId}' AND s.position > 0 ORDER BY s.position`,
  );
  return rows.map(({ body }) => JSON.parse(body.toString()).out);
}

const result = (out: string) => JSON.stringify({ ...resultRecord(1), out });

function proceed(node: 0 | 1, { runId }: Flow, from: Delivered): Promise<Answer> {
  const hold = /hold=(\d+)/.exec(String(from.headers["reprise-delivery"]))?.[1] ?? "none";
  return cluster.call(node, {
    method: "POST",
    path: `/v2/workflows/runs/${runId}/steps`,
    headers: { "upstash-message-id": from.messageId, "reprise-hold": hold },
    body: result('"of the invocation that held it before"'),
  });
}

/** The delivery that the sleeping node has made, whose answer it is still to get. */
async function firstOf(path: string): Promise<Delivered> {
  const [first] = await cluster.delivered(path);
  if (first === undefined) throw new Error(`${path} was delivered, as was waited for`);
  return first;
}

test("a node that slept beyond its lease brings no end, no result and no attempt a second time", async () => {
  await cluster.allHoldLeases();
  const [good, bad, unsent] = ["good", "bad", "unsent"].map(
    (name) => `/held/${cluster.name(name)}`,
  ) as [string, string, string]; // As many as there are names.
  const ids = { good: await publish(good), bad: await publish(bad) };
  const answering = await trigger("answering");
  const continuing = await trigger("continuing");
  const paths = [good, bad, answering.path, continuing.path];
  const firsts = await Promise.all(paths.map(firstOf));
  const before = await fenced();

  // It has committed that it makes this attempt, and does not get to make it.
  const asleep: Asleep = cluster.node(SLEEPER).gatekeeper.sleepBehind(inserts(unsent));
  const published = publish(unsent);
  await asleep.entered;
  const seconds = await takenOver(paths);
  const only = await firstOf(unsent);

  // The answers to its own deliveries come while it sleeps; the other node's are still on their way.
  firsts[0]?.answer();
  firsts[1]?.answer(500);
  firsts[2]?.submit(result('"of the node that slept"'));
  const late = firsts[3] as Delivered; // As many as there are paths.
  const stopped = okOf<{ readonly stop?: boolean }>(await proceed(OTHER, continuing, late));
  asleep.wake();
  expect(await published).toBe(only.messageId);
  await cluster.until("its outcomes to be refused", async () => (await fenced()) >= before + 3);

  expect(stopped).toMatchObject({ stop: true });
  okOf(await proceed(SLEEPER, continuing, late));
  expect(await outputsOf(continuing)).toEqual(['"of the invocation that held it before"']);
  expect(await outputsOf(answering)).toHaveLength(1);
  for (const id of Object.values(ids)) {
    expect(await momentsOf(id)).not.toContain("delivered");
    expect(await momentsOf(id)).not.toContain("retry");
  }
  for (const path of paths) expect([path, await attemptsOf(path)]).toEqual([path, 0]);

  // What the other node brings counts, once.
  for (const [index, { headers }] of seconds.entries())
    expect([index, headers["upstash-retried"]]).toEqual([index, "0"]);
  only.answer();
  for (const second of seconds) second.answer();
  for (const id of [...Object.values(ids), only.messageId]) {
    await cluster.until(`the end of ${id}`, async () =>
      (await momentsOf(id)).includes("delivered"),
    );
    expect((await momentsOf(id)).filter((moment) => moment === "delivered")).toHaveLength(1);
  }
  for (const path of [good, bad]) expect(cluster.deliveriesOf(path)).toHaveLength(2);
  expect(cluster.deliveriesOf(unsent)).toHaveLength(1);
}, 180_000);
