// Any method, any bytes, any content type: what was published is what arrives.

import { hash } from "node:crypto";
import { METHODS } from "@reprise/protocol";
import { expect, test } from "vitest";
import { bodyOf, deliveryAt, idOf, messageOf, qstash } from "./publisher.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test.each(METHODS)("a message with the method %s arrives with its body", async (method) => {
  const url = world.app.on("/any", () => new Response());
  await qstash(world).publish({ url, method, body: "the body" });
  const delivery = await deliveryAt(world, "/any");
  expect([delivery.method, delivery.body]).toEqual([method, "the body"]);
});

test.each(METHODS)("a message with the method %s and without a body has none", async (method) => {
  const url = world.app.on("/any", () => new Response());
  await qstash(world).publish({ url, method });
  const delivery = await deliveryAt(world, "/any");
  expect([delivery.method, delivery.body]).toEqual([method, ""]);
  expect(delivery.headers).not.toHaveProperty("content-type");
});

const BODIES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "every byte": Uint8Array.from({ length: 256 }, (_, index) => index),
  "UTF-8 that ends within a character": Uint8Array.of(0x61, 0xe2, 0x82),
  zeros: new Uint8Array(3),
  "a byte order mark": Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d),
  "line breaks": new TextEncoder().encode("\r\n\r\n0\r\n\r\n"),
  "a megabyte": new Uint8Array(1 << 20).fill(0xff),
};

test.each(Object.keys(BODIES))("%s arrive byte for byte", async (name) => {
  const body = BODIES[name] ?? new Uint8Array();
  const url = world.app.on("/bytes", () => new Response());
  const { messageId } = await qstash(world).publish({
    url,
    body: bodyOf(body),
    headers: { "content-type": "application/octet-stream" },
  });
  const { bytes, headers } = await deliveryAt(world, "/bytes");
  expect(hash("sha256", bytes)).toBe(hash("sha256", body));
  expect(headers["content-type"]).toBe("application/octet-stream");
  // The claim is over the bytes, whether they are text or not.
  expect(claims(headers["upstash-signature"] ?? "")).toMatchObject({
    body: hash("sha256", body, "base64url").padEnd(44, "="),
  });
  const shown = await messageOf(world, messageId);
  const isText = name === "zeros" || name === "a byte order mark" || name === "line breaks";
  expect(shown.bodyBase64 !== undefined).toBe(!isText);
  expect(Buffer.from(shown.body ?? shown.bodyBase64 ?? "", isText ? "utf8" : "base64")).toEqual(
    Buffer.from(body),
  );
});

function claims(token: string): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

test("forms, multipart and text that only says it is JSON are not read", async () => {
  const url = world.app.on("/opaque", () => new Response());
  const form = new FormData();
  form.set("a", "1");
  const bodies = [new URLSearchParams({ a: "1 2" }), form, '{"not json'];
  for (const body of bodies) {
    const contentType = typeof body === "string" ? { "content-type": "application/json" } : {};
    await qstash(world).publish({ url, body, headers: contentType });
  }
  await deliveryAt(world, "/opaque", 2);
  const arrived = world.app
    .at("/opaque")
    .map(({ headers, body }) => [
      headers["content-type"]?.split(";")[0],
      body.includes("2") || body.includes("form-data") || body.includes("not json"),
    ]);
  expect(arrived.toSorted()).toEqual([
    ["application/json", true],
    ["application/x-www-form-urlencoded", true],
    ["multipart/form-data", true],
  ]);
});

test("the content type is the one that came, and none when none came", async () => {
  const client = qstash(world);
  const url = world.app.on("/typed", () => new Response());
  const sent = [
    ["application/json", () => client.publishJSON({ url, body: { a: 1 } })],
    ["text/plain;charset=UTF-8", () => client.publish({ url, body: "text" })],
    [undefined, () => client.publish({ url })],
    [undefined, () => client.publish({ url, body: bodyOf(Uint8Array.of(1)) })],
    ["x/y", () => client.publish({ url, body: "t", headers: { "content-type": "x/y" } })],
  ] as const;
  for (const [index, [contentType, publish]] of sent.entries()) {
    await publish();
    const { headers } = await deliveryAt(world, "/typed", index);
    expect(headers["content-type"]).toBe(contentType);
  }
});

test("a forwarded content type wins, and one alone is kept", async () => {
  const url = world.app.on("/typed", () => new Response());
  const sets = [
    { "Upstash-Forward-Content-Type": "a/b", "Content-Type": "c/d" },
    { "Upstash-Forward-content-type": "a/b" },
  ];
  for (const [index, headers] of sets.entries()) {
    const answer = await world.call("POST", `/v2/publish/${url}`, { headers });
    expect(answer.status, answer.text).toBe(200);
    expect((await deliveryAt(world, "/typed", index)).headers["content-type"]).toBe("a/b");
    const { header } = await messageOf(world, idOf(answer.json));
    expect(header).toEqual({ "Content-Type": ["a/b"] });
  }
});

test("a message without a content type shows no other header than its own", async () => {
  const answer = await world.call("POST", "/v2/publish/https://example.com", {
    headers: { "Upstash-Forward-test-header": "test-value", "Upstash-Delay": "1h" },
  });
  const { header } = await messageOf(world, idOf(answer.json));
  expect(header).toEqual({ "Test-Header": ["test-value"] });
});
