import { describe, expect, test } from "vitest";
import { createConnectedWorld, SDK_HEADERS, until } from "./connected-world.suite.ts";

/** Apps that have opened a connection, over real sockets. */

const world = createConnectedWorld();

describe("a message to a connected app", () => {
  test("is delivered over the connection and ends with what the app says", async () => {
    await world.start();
    const app = await world.connect();
    const { body } = await world.publish("http://shop.connected.alt/order?a=%20b#c", "hello", {
      "content-type": "text/plain",
      "upstash-forward-x-own": "1",
    });
    const delivery = await app.next();
    expect(delivery).toMatchObject({ deliver: 1, path: "/order?a=%20b", lines: 1, body: "hello" });
    expect(delivery.headers).toMatchObject({
      "upstash-message-id": body.messageId,
      "content-type": "text/plain",
      "x-own": "1",
    });
    expect(delivery.headers).not.toHaveProperty("upstash-signature");
    app.say({ end: 1, status: 200, headers: { "X-Shop": "open" }, body: "thanks" });
    const entry = await world.logged(body.messageId, "DELIVERED");
    expect(entry).toMatchObject({ responseStatus: 200 });
  });

  test("keeps its bytes: line breaks as lines, other bytes as base64, nothing as nothing", async () => {
    await world.start();
    const app = await world.connect();
    const sent = async (body: Uint8Array<ArrayBuffer> | string) => {
      await world.publish("http://shop.connected.alt/", body);
      return app.next();
    };
    expect(await sent("a\n\nb\n")).toMatchObject({ lines: 4, body: "a\n\nb\n" });
    const bytes = new Uint8Array([0xff, 0x0a, 0x00]);
    expect(await sent(bytes)).toMatchObject({ lines: 1, encoding: "base64", body: "/woA" });
    expect(await sent("")).toMatchObject({ lines: 0, body: "" });
    expect(await sent("\u{1f600} \r")).toMatchObject({ lines: 1, body: "\u{1f600} \r" });
  });

  test("has the method that it was published with", async () => {
    await world.start();
    const app = await world.connect();
    await world.publish("http://shop.connected.alt/", "x", { "upstash-method": "PUT" });
    expect(await app.next()).toMatchObject({ method: "PUT" });
  });

  test("waits for a connection, says so, and goes to it", async () => {
    await world.start();
    const { body } = await world.publish("http://shop.connected.alt/order");
    const message = await until(async () => {
      const found = await world.messageOf(body.messageId);
      return found.state === "WAITING" ? found : null;
    });
    expect(message.waitingFor).toContain("the app shop to connect");
    const other = await world.connect({ app: "other" });
    const app = await world.connect();
    expect(await app.next()).toMatchObject({ deliver: 1 });
    expect(other.heard).toHaveLength(1);
  });

  test("fails when its connection is lost, and is tried again at once by another process", async () => {
    await world.start();
    const first = await world.connect();
    const { body } = await world.publish("http://shop.connected.alt/order", "x", {
      "upstash-retries": "1",
    });
    await first.next();
    first.close();
    await first.closed;
    const second = await world.connect();
    const again = await second.next();
    expect(again.headers).toMatchObject({ "upstash-retried": "1" });
    second.close();
    const dead = await until(async () => (await world.call("GET", "/v2/dlq")).body.messages[0]);
    expect(dead).toMatchObject({ messageId: body.messageId });
  });

  test("in any other form of such a URL is refused", async () => {
    await world.start();
    for (const url of [
      "https://shop.connected.alt/",
      "http://shop.connected.alt:81/",
      "http://a.b.connected.alt/",
    ]) {
      const { status, body } = await world.publish(url);
      expect([status, body.code]).toEqual([400, "invalid_destination"]);
      expect(body.error).toContain("http://<app>.connected.alt");
    }
  });

  test("reports to a callback that is connected, too", async () => {
    await world.start();
    const app = await world.connect();
    await world.publish(`${world.http.url}`, "x", {
      "upstash-callback": "http://shop.connected.alt/done",
    });
    (await world.http.arrived(1))[0]?.answer(200, "fine");
    const report = await app.next();
    expect(report.path).toBe("/done");
    expect(JSON.parse(report.body)).toMatchObject({ status: 200, body: btoa("fine") });
  });
});

describe("a run of a connected app", () => {
  test("is delivered, goes on over HTTP, and ends", async () => {
    await world.start();
    const app = await world.connect();
    await world.trigger("http://shop.connected.alt/order", "wfr_a");
    const first = await app.next();
    expect(first.headers).toMatchObject({ "upstash-workflow-runid": "wfr_a" });
    expect(JSON.parse(first.body)).toHaveLength(1);
    const record = { stepId: 1, stepName: "s", stepType: "Run", out: '"ok"', concurrent: 1 };
    await world.call("POST", "/v2/batch", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify([
        {
          destination: "http://shop.connected.alt/order",
          headers: {
            "upstash-workflow-runid": "wfr_a",
            "upstash-workflow-init": "false",
            "upstash-workflow-url": "http://shop.connected.alt/order",
            "upstash-forward-upstash-workflow-sdk-version": "1",
          },
          body: JSON.stringify(record),
        },
      ]),
    });
    app.say({ end: 1, status: 200, headers: SDK_HEADERS });
    const second = await app.next();
    expect(JSON.parse(second.body)).toHaveLength(2);
    await world.call("DELETE", "/v2/workflows/runs/wfr_a?cancel=false", { body: '"done"' });
    app.say({ end: second.deliver, status: 200, headers: SDK_HEADERS });
    const { body } = await world.call("GET", "/v2/workflows/logs?workflowRunId=wfr_a");
    expect(body.runs[0]).toMatchObject({ workflowState: "RUN_SUCCESS" });
  });

  test("that is cancelled reaches the app at once", async () => {
    await world.start();
    const app = await world.connect();
    await world.trigger("http://shop.connected.alt/order", "wfr_a");
    const { deliver } = await app.next();
    await world.call("DELETE", "/v2/workflows/runs/wfr_a");
    expect(await app.next()).toMatchObject({ abort: deliver });
    app.say({ end: deliver, status: 200, headers: SDK_HEADERS });
    app.say({ submit: deliver, lines: 1 }, "{}");
    expect(await app.next()).toMatchObject({ ack: deliver, stop: true });
  });

  test("that waits for its app says so", async () => {
    await world.start();
    await world.trigger("http://shop.connected.alt/order", "wfr_a");
    const run = await until(async () => {
      const { body } = await world.call("GET", "/v2/workflows/logs?workflowRunId=wfr_a");
      return body.runs[0]?.waitingFor?.includes("connect") ? body.runs[0] : null;
    });
    expect(run.waitingFor).toContain("the app shop to connect");
  });
});

describe("parallelism", () => {
  test("is what all connections of an app announce together, each within its own", async () => {
    await world.start();
    const one = await world.connect({ parallelism: 1 });
    const two = await world.connect({ parallelism: 2 });
    for (let index = 0; index < 5; index++) await world.publish("http://shop.connected.alt/");
    await until(async () => one.heard.length + two.heard.length === 5);
    expect([one.heard.length, two.heard.length]).toEqual([2, 3]);
    one.say({ end: 1, status: 200, headers: {} });
    await one.next();
    one.say({ end: 2, status: 200, headers: {} });
    await one.next();
  });

  test("that grows lets more come, and 0 none", async () => {
    await world.start();
    const app = await world.connect({ parallelism: 0 });
    await world.publish("http://shop.connected.alt/1");
    await world.publish("http://shop.connected.alt/2");
    app.say({ parallelism: 1 });
    expect(await app.next()).toMatchObject({ deliver: 1 });
    app.say({ parallelism: 0 });
    app.say({ end: 1, status: 200, headers: {} });
    app.say({ parallelism: 5 });
    expect(await app.next()).toMatchObject({ deliver: 2 });
  });

  test("of a connection is cut to what the operator allows", async () => {
    await world.start({ parallelismMax: 2 });
    const app = await world.connect({ parallelism: 100 });
    for (let index = 0; index < 3; index++)
      await world.publish(`http://shop.connected.alt/${index}`);
    await app.next();
    await app.next();
    app.say({ end: 2, status: 200, headers: {} });
    expect(await app.next()).toMatchObject({ deliver: 3 });
    expect(app.heard.filter((message) => "deliver" in message)).toHaveLength(3);
  });

  test("is not cut by what dialled origins may have at once", async () => {
    await world.start({}, { perOriginMax: 1 });
    const app = await world.connect({ parallelism: 3 });
    for (let index = 0; index < 3; index++) await world.publish("http://shop.connected.alt/");
    for (let index = 0; index < 3; index++) await app.next();
  });
});

describe("a delivery", () => {
  test("that takes longer than its limit has failed, and the app is told", async () => {
    await world.start({ checkMs: 10 });
    const app = await world.connect();
    const { body } = await world.publish("http://shop.connected.alt/", "x", {
      "upstash-timeout": "1s",
      "upstash-retries": "0",
    });
    await app.next();
    expect(await app.next()).toMatchObject({ abort: 1 });
    const entry = await world.logged(body.messageId, "FAILED");
    expect(entry?.error).toContain("no complete response within 1000 ms");
  });

  test("that is under way may end while the server stops", async () => {
    await world.start({}, { drainMs: 60_000 });
    const app = await world.connect();
    const reported = await world.publish(world.http.url);
    (await world.http.arrived(1))[0]?.answer();
    await world.logged(reported.body.messageId, "DELIVERED");
    await world.publish("http://shop.connected.alt/", "x", { "upstash-callback": world.http.url });
    await app.next();
    const closing = world.server.close();
    expect(await app.next()).toMatchObject({ drain: true });
    app.say({ end: 1, status: 200, headers: {} });
    await closing;
    expect(await app.closed).toMatchObject({ code: 1001 });
    await world.start();
  });
});
