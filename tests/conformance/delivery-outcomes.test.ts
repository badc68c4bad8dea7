// What counts as a failed attempt besides a bad status, and what is kept of it.

import { expect, test } from "vitest";
import { deadMessageOf, logUntil, qstash } from "./publisher.ts";
import { CLOCK_STEP_MS, until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const STATUSES = [
  ...[201, 202, 204, 299].map((status) => [status, "DELIVERED"] as const),
  ...[300, 304, 400, 401, 404, 409, 429, 500, 503, 599].map(
    (status) => [status, "FAILED"] as const,
  ),
];

test.each(STATUSES)("status %i is %s", async (status, state) => {
  const url = world.app.on("/status", () => new Response(null, { status }));
  const { messageId } = await qstash(world).publish({ url, retries: 0 });
  const log = await logUntil(world, messageId, state);
  expect(log.find(({ responseStatus }) => responseStatus !== undefined)).toMatchObject({
    responseStatus: status,
  });
});

test.each([301, 302, 303, 307, 308])("a redirect (%i) is not followed", async (status) => {
  const target = world.app.on("/target", () => new Response());
  const url = world.app.on(
    "/moved",
    () => new Response("", { status, headers: { location: target } }),
  );
  const { messageId } = await qstash(world).publish({ url, retries: 0 });
  const entry = await deadMessageOf(world, messageId);
  expect(entry).toMatchObject({ responseStatus: status, responseHeader: { Location: [target] } });
  expect(world.app.at("/target")).toEqual([]);
});

test("an attempt that takes longer than the timeout fails without a status", async () => {
  const url = world.app.onRaw("/silent", () => {});
  const { messageId } = await qstash(world).publish({ url, retries: 0, timeout: 0.2 });
  const log = await logUntil(world, messageId, "FAILED");
  const error = log.find(({ state }) => state === "ERROR");
  expect(error).toMatchObject({
    cause: "timeout",
    error: expect.stringMatching(/200 ?ms|0\.2 ?s/),
  });
  expect(error).not.toHaveProperty("responseStatus");
  const tookMs = (error?.time ?? 0) - (error?.startedAt ?? 0);
  expect(tookMs).toBeGreaterThanOrEqual(200 - CLOCK_STEP_MS);
  const entry = await deadMessageOf(world, messageId);
  expect(entry).toMatchObject({ responseStatus: 0, timeout: 200 });
  expect(entry).not.toHaveProperty("responseBody");
});

test("the timeout is over the whole exchange: an answer that only begins does not stop it", async () => {
  const url = world.app.onRaw("/trickle", (_request, response) => {
    response.writeHead(200);
    response.write("begun");
  });
  const { messageId } = await qstash(world).publish({ url, retries: 0, timeout: 0.2 });
  const log = await logUntil(world, messageId, "FAILED");
  expect(log.find(({ state }) => state === "ERROR")).toMatchObject({ cause: "timeout" });
});

test("refused and cut connections are failed attempts with a cause", async () => {
  const url = world.app.onRaw("/cut", (request) => request.socket.destroy());
  const cut = await qstash(world).publish({ url, retries: 0 });
  expect(await deadMessageOf(world, cut.messageId)).toMatchObject({ responseStatus: 0 });
  await world.app.stop();
  const refused = await qstash(world).publish({ url, retries: 0 });
  const log = await logUntil(world, refused.messageId, "FAILED");
  expect(log.find(({ state }) => state === "ERROR")).toMatchObject({ cause: "refused" });
  await world.app.start();
});

test("the last response is kept: text as text, other bytes as base64, headers as lists", async () => {
  const bodies = [new TextEncoder().encode("Seite nicht gefunden: ü"), Uint8Array.of(1, 255, 2)];
  for (const [index, body] of bodies.entries()) {
    const headers = { "X-Trace": "t", "Content-Type": "text/plain" };
    const url = world.app.on(`/kept-${index}`, () => new Response(body, { status: 404, headers }));
    const { messageId } = await qstash(world).publish({ url, retries: 0 });
    const entry = await deadMessageOf(world, messageId);
    expect(entry.responseHeader).toMatchObject({
      "X-Trace": ["t"],
      "Content-Type": ["text/plain"],
    });
    const log = await logUntil(world, messageId, "FAILED");
    const base64 = Buffer.from(body).toString("base64");
    expect(log.find(({ state }) => state === "ERROR")).toMatchObject({ responseBody: base64 });
    const text = index === 0 ? "Seite nicht gefunden: ü" : undefined;
    expect([entry.responseBody, entry.responseBodyBase64]).toEqual([
      text,
      text ? undefined : base64,
    ]);
  }
});

test("deliveries of plain publishes run side by side and in no order", async () => {
  const held: (() => void)[] = [];
  const url = world.app.on("/parallel", async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return new Response();
  });
  const client = qstash(world);
  const sent = await Promise.all(Array.from({ length: 10 }, () => client.publish({ url })));
  await until("ten at once", () => held.length === 10);
  for (const release of held) release();
  for (const { messageId } of sent) await logUntil(world, messageId, "DELIVERED");
});

test("a message that is cancelled in flight is not retried; its success counts", async () => {
  const client = qstash(world);
  for (const [status, state] of [
    [200, "DELIVERED"],
    [500, "CANCELED"],
  ] as const) {
    const begun = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const path = `/held-${status}`;
    const url = world.app.on(path, async () => {
      begun.resolve();
      await released.promise;
      return new Response("", { status });
    });
    const { messageId } = await client.publish({ url });
    await begun.promise;
    await client.messages.cancel(messageId);
    released.resolve();
    const log = await logUntil(world, messageId, state);
    const middle = status === 200 ? [] : ["ERROR"];
    expect(log.map((entry) => entry.state)).toEqual([
      ...["CREATED", "ACTIVE", "CANCEL_REQUESTED"],
      ...[...middle, state],
    ]);
  }
});
