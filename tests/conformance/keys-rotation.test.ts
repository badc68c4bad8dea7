// Rotations of the signing keys while deliveries are under way: no app that has the pair from before rejects one.

import type { SigningKeysResource } from "@reprise/protocol";
import { Client as QstashClient, Receiver } from "@upstash/qstash";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./until.ts";
import { World } from "./world.ts";

let world: World;

beforeEach(() => {
  world = new World();
  return world.open();
});

afterEach(() => world.close());

async function keys(): Promise<SigningKeysResource> {
  const answer = await world.call("GET", "/v2/keys");
  return answer.json as SigningKeysResource; // What it looks like is tried elsewhere.
}

const receiverOf = (currentSigningKey: string, nextSigningKey: string): Receiver =>
  new Receiver({ currentSigningKey, nextSigningKey });

interface Verdicts {
  readonly rejected: readonly string[];
  readonly withCurrent: number;
  readonly withNext: number;
}

/** What an app says that has had `pair` since before the deliveries. */
async function judge(path: string, pair: SigningKeysResource): Promise<Verdicts> {
  const rejected: string[] = [];
  let withCurrent = 0;
  let withNext = 0;
  for (const { headers, body } of world.app.at(path)) {
    const delivery = {
      signature: headers["upstash-signature"] ?? "",
      body,
      url: world.app.url + path,
    };
    const isGood = async (receiver: Receiver) =>
      receiver.verify(delivery).catch((error: unknown) => String(error));
    const verdict = await isGood(receiverOf(pair.current, pair.next));
    if (verdict !== true) rejected.push(String(verdict));
    if ((await isGood(receiverOf(pair.current, pair.current))) === true) withCurrent += 1;
    if ((await isGood(receiverOf(pair.next, pair.next))) === true) withNext += 1;
  }
  return { rejected, withCurrent, withNext };
}

const ROUNDS = 10;
const MESSAGES = 40;

test("ten rotations under load: eight hundred deliveries, none rejected, retries included", async () => {
  const { url, token } = world.server;
  const client = new QstashClient({ baseUrl: url, token });
  let currents = 0;
  let nexts = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const pair = await keys();
    const path = `/hook-${round}`;
    // The first attempts fail, so that half of the attempts are retries, which were accepted before the rotation.
    world.app.on(path, (_, { headers }) => {
      return new Response(null, { status: headers["upstash-retried"] === "0" ? 500 : 200 });
    });
    const publish = () =>
      client.publish({ url: world.app.url + path, body: `round ${round}`, retryDelay: "1" });
    const halfDelivered = until("half of the messages", async () => {
      return world.app.at(path).length >= MESSAGES / 2;
    });
    const published = Promise.all(Array.from({ length: MESSAGES }, publish));
    await halfDelivered;
    const rotated = await world.call("POST", "/v2/keys/rotate");
    expect(rotated.json).toMatchObject({ current: pair.next });
    await published;
    await until("all of them, twice", async () => world.app.at(path).length >= 2 * MESSAGES);
    const { rejected, withCurrent, withNext } = await judge(path, pair);
    expect(rejected).toEqual([]);
    expect(withCurrent + withNext).toBe(2 * MESSAGES);
    currents += withCurrent;
    nexts += withNext;
  }
  // Both keys have signed, or there was no load during the rotations.
  expect(currents).toBeGreaterThan(ROUNDS);
  expect(nexts).toBeGreaterThan(ROUNDS);
});

test("an app that has missed two rotations rejects what comes: that is why the second one is guarded", async () => {
  const { url, token } = world.server;
  const client = new QstashClient({ baseUrl: url, token });
  const old = await keys();
  await world.call("POST", "/v2/keys/rotate");
  await world.call("POST", "/v2/keys/rotate");
  const hook = world.app.on("/hook", () => new Response());
  await client.publish({ url: hook, body: "x" });
  await until("the delivery", async () => world.app.at("/hook").length === 1);
  expect((await judge("/hook", old)).rejected).toHaveLength(1);
  expect((await judge("/hook", await keys())).rejected).toEqual([]);
});

test("in production a second rotation within a day is refused, and nothing changes", async () => {
  await world.close();
  world = new World({
    config: { mode: "production", token: null, signingKeys: null, keyRotationGuardMs: 86_400_000 },
  });
  await world.open();
  const first = await world.call("POST", "/v2/keys/rotate");
  expect([first.status, first.json]).toEqual([200, await keys()]);
  expect(first.json).toEqual({
    current: world.server.signingKeys.next,
    next: expect.stringMatching(/^sig_/),
    rotatedAt: expect.any(Number),
  });
  for (const path of ["/v2/keys/rotate", "/v2/keys/rotate?force=false"]) {
    const second = await world.call("POST", path);
    expect([second.status, second.json]).toEqual([
      409,
      { error: expect.stringMatching(/\?force=true/), code: "key_rotation_too_soon" },
    ]);
  }
  for (const path of ["/v2/keys/rotate?force=yes", "/v2/keys/rotate?forced=true"]) {
    expect((await world.call("POST", path)).status).toBe(400);
  }
  expect(await keys()).toEqual(first.json);
  expect((await world.call("POST", "/v2/keys/rotate?force=true")).status).toBe(200);
});
