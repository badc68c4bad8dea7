import { expect, test } from "vitest";
import { createMessageWorld, type MessageWorld } from "../message-world.suite.ts";

/** `hold` and `release` of both dead letter queues, and what entries say about their end. */

const RETENTION_MS = 90 * 86_400_000;
const post = { method: "POST" };

interface Held {
  readonly held?: number;
  readonly released?: number;
  readonly cursor?: string;
  readonly error?: string;
}

async function send({ world }: MessageWorld, target: string, init: RequestInit = post) {
  const { status, body } = await world.call(target, init);
  // The fields of all answers together: of this one, these.
  return { status, body: body as unknown as Held };
}

const QUEUES = [
  ["failed runs", "/v2/workflows/dlq", ({ world }: MessageWorld) => world.fail({})],
  ["failed messages", "/v2/dlq", ({ fail }: MessageWorld) => fail()],
] as const;

async function expiries(known: MessageWorld, path: string): Promise<readonly (number | null)[]> {
  const { body } = await known.call(path);
  return body.messages.map(({ expiresAt }) => expiresAt);
}

test.each(QUEUES)("%s say when they expire, alone and in a list", async (_name, path, fail) => {
  const known = await createMessageWorld();
  const failedAt = known.world.host.now();
  const { dlqId } = await fail(known);
  await known.world.host.advance(5_000);
  expect(await expiries(known, path)).toEqual([failedAt + RETENTION_MS]);
  expect((await known.call(`${path}/${dlqId}`)).body.expiresAt).toBe(failedAt + RETENTION_MS);
});

test.each(QUEUES)(
  "one of the %s is held and released, as often as wanted",
  async (_name, path, fail) => {
    const known = await createMessageWorld();
    const { dlqId } = await fail(known);
    const [expiresAt] = await expiries(known, path);
    for (let time = 0; time < 2; time += 1) {
      expect(await send(known, `${path}/hold/${dlqId}`)).toEqual({
        status: 200,
        body: { held: 1 },
      });
      expect(await expiries(known, path)).toEqual([null]);
    }
    const released = await send(known, `${path}/release/${dlqId}`);
    expect(released).toEqual({ status: 200, body: { released: 1 } });
    expect(await expiries(known, path)).toEqual([expiresAt]);
  },
);

test.each(QUEUES)(
  "many of the %s are held by id, by filter or by number",
  async (_name, path, fail) => {
    const known = await createMessageWorld();
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.push((await fail(known)).dlqId);
      await known.world.host.advance(10);
    }
    const held = async () =>
      (await expiries(known, path)).map((at) => (at === null ? "h" : ".")).join("");
    const body = JSON.stringify({ dlqIds: [ids[2], "1-1"] });
    const headers = { "content-type": "application/json" };
    expect((await send(known, `${path}/hold`, { ...post, body, headers })).body).toEqual({
      held: 1,
    });
    expect(await held()).toBe("..h");
    const first = await send(known, `${path}/hold?count=2`);
    expect(first.body).toEqual({ held: 2, cursor: expect.any(String) });
    expect(await held()).toBe("hhh");
    const rest = await send(known, `${path}/hold?count=2&cursor=${first.body.cursor}`);
    expect(rest.body).toEqual({ held: 1 });
    const from = known.world.host.now() - 25;
    expect((await send(known, `${path}/release?fromDate=${from}`)).body).toEqual({ released: 2 });
    expect(await held()).toBe("h..");
  },
);

test.each(QUEUES)(
  "what is not among the %s cannot be held, and a filter has to be one",
  async (_name, path, fail) => {
    const known = await createMessageWorld();
    const { dlqId } = await fail(known);
    expect((await send(known, `${path}/hold/1-1`)).status).toBe(404);
    expect((await send(known, `${path}/hold?colour=red`)).status).toBe(400);
    await known.call(`${path}/${dlqId}`, { method: "DELETE" });
    for (const verb of ["hold", "release"]) {
      expect((await send(known, `${path}/${verb}/${dlqId}`)).status).toBe(404);
    }
  },
);

test.each(QUEUES)("a hold keeps nobody from deleting %s", async (_name, path, fail) => {
  const known = await createMessageWorld();
  const { dlqId } = await fail(known);
  await send(known, `${path}/hold/${dlqId}`);
  expect((await known.call(`${path}/${dlqId}`, { method: "DELETE" })).body).toEqual({ deleted: 1 });
  expect(await expiries(known, path)).toEqual([]);
});
