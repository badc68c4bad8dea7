// The request that a destination gets: every header's value, and a signature of its own for every attempt.

import { hash } from "node:crypto";
import { expect, test } from "vitest";
import type { Received } from "./app.ts";
import { deliveryAt, idOf, qstash } from "./publisher.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

function claimsOf({ headers }: Received): Readonly<Record<string, unknown>> {
  const payload = headers["upstash-signature"]?.split(".")[1] ?? "";
  // The test looks at the claims one by one.
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

test("a message without options has these headers and no others", async () => {
  const url = world.app.on("/plain", () => new Response());
  const { messageId } = await qstash(world).publish({ url });
  const { headers, rawHeaders } = await deliveryAt(world, "/plain");
  expect(headers).toEqual({
    host: new URL(url).host,
    connection: "keep-alive",
    "content-length": "0",
    "user-agent": "Upstash-QStash",
    "upstash-message-id": messageId,
    "upstash-retried": "0",
    "upstash-retries": "3",
    "upstash-caller-ip": "127.0.0.1",
    "upstash-signature": expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  });
  // Each name once: joined values would hide a second one.
  expect(rawHeaders.length / 2).toBe(Object.keys(headers).length);
});

test("a message with every option says so", async () => {
  const url = world.app.on("/full", () => new Response());
  await qstash(world).publishJSON({
    url,
    body: [1],
    retries: 2,
    retryDelay: "1000 * (1 + retried)",
    label: ["a", "b"],
    flowControl: { key: "k/1 x", parallelism: 3, rate: 5, period: "1m" },
    headers: { "X-Own": "1" },
    timeout: "30s",
  });
  expect((await deliveryAt(world, "/full")).headers).toMatchObject({
    "content-type": "application/json",
    "upstash-retries": "2",
    "upstash-retry-delay": "1000 * (1 + retried)",
    "upstash-label": "a,b",
    "upstash-flow-control-key": "k/1 x",
    "upstash-flow-control-value": "parallelism=3,rate=5,period=60",
    "x-own": "1",
  });
});

test("flow control without a period says a period of one second", async () => {
  const url = world.app.on("/flow", () => new Response());
  await qstash(world).publish({ url, flowControl: { key: "k", parallelism: 3 } });
  expect((await deliveryAt(world, "/flow")).headers).toMatchObject({
    "upstash-flow-control-value": "parallelism=3,period=1",
  });
});

test("the claims of a signature", async () => {
  const url = world.app.on("/signed", () => new Response());
  const before = Math.floor(Date.now() / 1000);
  await qstash(world).publish({ url: `${url}?a=b%20c`, body: "the body" });
  const delivery = await deliveryAt(world, "/signed");
  const claims = claimsOf(delivery);
  expect(claims).toEqual({
    iss: "Upstash",
    sub: `${url}?a=b%20c`,
    exp: Number(claims.iat) + 300,
    nbf: 0,
    iat: expect.any(Number),
    jti: expect.stringMatching(/^jwt_/),
    body: `${hash("sha256", "the body", "base64url")}=`,
  });
  expect(claims.iat).toBeGreaterThanOrEqual(before);
  expect(claims.iat).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
});

test("the claim of an empty body is the hash of nothing", async () => {
  const url = world.app.on("/empty", () => new Response());
  await qstash(world).publish({ url });
  expect(claimsOf(await deliveryAt(world, "/empty")).body).toBe(
    "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
  );
});

test("each attempt has its own signature, the same id and its own number", async () => {
  const url = world.app.on("/stubborn", () => {
    return new Response("", { status: 503, headers: { "Retry-After": "0" } });
  });
  const { messageId } = await qstash(world).publish({ url, retries: 3, body: "b" });
  await deliveryAt(world, "/stubborn", 3);
  const attempts = world.app.at("/stubborn");
  expect(attempts.map(({ headers }) => headers["upstash-retried"])).toEqual(["0", "1", "2", "3"]);
  expect(new Set(attempts.map(({ headers }) => headers["upstash-message-id"]))).toEqual(
    new Set([messageId]),
  );
  expect(new Set(attempts.map((attempt) => claimsOf(attempt).jti)).size).toBe(4);
  expect(attempts.map(({ signatureFault }) => signatureFault)).toEqual([null, null, null, null]);
});

test("a delivery through a URL group names the group", async () => {
  const client = qstash(world);
  const url = world.app.on("/grouped", () => new Response());
  await client.urlGroups.addEndpoints({ name: "group.1", endpoints: [{ name: "n", url }] });
  await client.publish({ urlGroup: "group.1" });
  const delivery = await deliveryAt(world, "/grouped");
  expect(delivery.headers["upstash-topic-name"]).toBe("group.1");
  expect(claimsOf(delivery).sub).toBe(url);
});

test("the caller's address is the publisher's, whatever it claims to be", async () => {
  const url = world.app.on("/caller", () => new Response());
  const answer = await world.call("POST", `/v2/publish/${url}`, {
    headers: { "X-Forwarded-For": "203.0.113.7", "Upstash-Forward-Upstash-Caller-Ip": "1.2.3.4" },
  });
  const delivery = await deliveryAt(world, "/caller");
  expect(delivery.headers).toMatchObject({
    "upstash-caller-ip": "127.0.0.1",
    "upstash-message-id": idOf(answer.json),
  });
});
