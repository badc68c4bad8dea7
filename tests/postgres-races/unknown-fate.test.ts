// The answer to a COMMIT is lost, before the database has it or behind that: nobody knows. Callers hear 503 and ask again, and keys,
// names and lease tokens say what is there already.

import { messageKey } from "@reprise/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { itemHeaders, recordsTemplate, resultRecord } from "../bench/wire.ts";
import { type CommitCut, TcpProxy } from "../cluster/tcp-proxy.ts";
import { okOf, useRaceCluster } from "./race-cluster.ts";

let proxy: TcpProxy | null = null;

const cluster = useRaceCluster({
  // Nobody but the test commits anything: no lease is renewed while it runs.
  environment: { REPRISE_NODE_LEASE: "600s" },
  wayTo: async (databaseUrl) => {
    const url = new URL(databaseUrl);
    proxy = new TcpProxy(Number(url.port));
    await proxy.start();
    url.port = String(proxy.port);
    return url.href;
  },
});

afterAll(() => proxy?.stop());

interface Published {
  readonly messageId: string;
  readonly deduplicated?: boolean;
}

/** Lets the answer to the next commit be lost. */
function cutNext(cut: CommitCut): { readonly isCut: () => boolean } {
  const before = proxy?.cutCommits ?? 0;
  proxy?.cutCommit(cut);
  return { isCut: () => (proxy?.cutCommits ?? 0) > before };
}

function publish(path: string, headers: Readonly<Record<string, string>> = {}) {
  return cluster.call(0, {
    method: "POST",
    path: `/v2/publish/${cluster.url(path)}`,
    headers,
    body: "{}",
  });
}

async function momentsOf(messageId: string): Promise<readonly string[]> {
  const rows = await cluster.query<{ readonly moment: string }>(
    `SELECT moment FROM logs WHERE "messageKey" = ${messageKey(messageId)} ORDER BY key`,
  );
  return rows.map(({ moment }) => moment);
}

async function endOf(messageId: string): Promise<readonly string[]> {
  await cluster.until(`the end of ${messageId}`, async () =>
    (await momentsOf(messageId)).includes("delivered"),
  );
  return (await momentsOf(messageId)).filter((moment) => moment === "delivered");
}

// What the nodes commit at their start must not be what is cut off.
beforeAll(async () => {
  await endOf(okOf<Published>(await publish(`/${cluster.name("first")}`)).messageId);
});

describe.each(["before", "after"] as const)("cut off %s the database has it", (cut) => {
  test("a publish is repeated by its deduplication id, and arrives once", async () => {
    const path = `/${cluster.name("dedup")}`;
    const headers = { "upstash-deduplication-id": path };
    const { isCut } = cutNext(cut);
    const first = await publish(path, headers);
    expect([first.status, isCut()]).toEqual([503, true]);
    const { messageId, deduplicated = false } = okOf<Published>(await publish(path, headers));
    expect(deduplicated).toBe(cut === "after");
    expect(await endOf(messageId)).toEqual(["delivered"]);
    expect(cluster.deliveriesOf(path)).toHaveLength(1);
  });

  test("a message that may be there is looked for", async () => {
    const path = `/${cluster.name("active")}`;
    cutNext(cut);
    expect((await publish(path)).status).toBe(503);
    if (cut === "after") await cluster.delivered(path);
    const marker = okOf<Published>(await publish(`/${cluster.name("marker")}`));
    await endOf(marker.messageId);
    expect(cluster.deliveriesOf(path)).toHaveLength(cut === "after" ? 1 : 0);
  });

  test.each([200, 500])("the end of an attempt with %i counts once", async (status) => {
    const path = `/held/${cluster.name("end")}`;
    const headers = { "upstash-retries": "1", "upstash-retry-delay": "1" };
    const { messageId } = okOf<Published>(await publish(path, headers));
    const [attempt] = await cluster.delivered(path);
    const { isCut } = cutNext(cut);
    attempt?.answer(status);
    await cluster.until("the cut", () => Promise.resolve(isCut()));
    if (status === 500) {
      const [, again] = await cluster.delivered(path, 2);
      expect(again?.headers["upstash-retried"]).toBe("1");
      again?.answer();
    }
    expect(await endOf(messageId)).toEqual(["delivered"]);
    const retries = (await momentsOf(messageId)).filter((moment) => moment === "retry");
    expect(retries).toHaveLength(status === 500 ? 1 : 0);
    expect(cluster.deliveriesOf(path)).toHaveLength(status === 500 ? 2 : 1);
  });

  test("a result is submitted again, and recorded once", async () => {
    const path = `/${cluster.name("step")}`;
    const runId = `wfr_${cluster.name("run")}`;
    const url = cluster.url(path);
    const item = { destination: url, headers: itemHeaders(runId, url, true), body: "{}" };
    const post = (body: string) => cluster.call(0, { method: "POST", path: "/v2/batch", body });
    okOf(await post(JSON.stringify([item])));
    await cluster.delivered(path);
    const steps = `SELECT count(*) FROM steps s JOIN runs r ON r.key = s."runKey" WHERE r.id = '${runId}'`;
    const open = `SELECT count(*) FROM messages m JOIN runs r ON r.key = m."runKey" WHERE r.id = '${runId}'`;
    // The end of the first delivery is a commit of its own.
    await cluster.until("nothing to be open", async () => (await cluster.count(open)) === 0);
    const submission = recordsTemplate(url, [resultRecord(1)])(runId);
    const { isCut } = cutNext(cut);
    expect([(await post(submission)).status, isCut()]).toEqual([503, true]);
    const [answer] = okOf<Published[]>(await post(submission));
    expect(answer?.deduplicated ?? false).toBe(cut === "after");
    await cluster.delivered(path, 2);
    await cluster.until("nothing to be open", async () => (await cluster.count(open)) === 0);
    expect(await cluster.count(steps)).toBe(2);
    expect(cluster.deliveriesOf(path)).toHaveLength(2);
  });
});
