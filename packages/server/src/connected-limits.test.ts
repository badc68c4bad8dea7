import { describe, expect, test } from "vitest";
import { WebSocket as SocketWithoutLimits } from "ws";
import { openSocket } from "./connected-app.suite.ts";
import { createConnectedWorld, SDK_HEADERS, until } from "./connected-world.suite.ts";

/** Apps that are slow, silent, too loud, or talk nonsense. */

const world = createConnectedWorld();

const hello = (own: object = {}) =>
  JSON.stringify({ hello: { token: world.server.token, app: "shop", parallelism: 100, ...own } });

/** An app whose socket can do what the one of the Web cannot: stop reading, and leave pings unanswered. */
async function openOddApp(options: { readonly autoPong?: boolean } = {}) {
  const socket = new SocketWithoutLimits(`ws://127.0.0.1:${world.server.port}/v2/connect`, options);
  const delivered: number[] = [];
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send(hello()));
    socket.on("message", (data) => {
      const head = String(data).split("\n", 1)[0] ?? "";
      if (head.startsWith('{"welcome"')) resolve();
      for (const [, id] of String(data).matchAll(/^\{"deliver":(\d+)/gm)) {
        delivered.push(Number(id));
        socket.send(JSON.stringify({ end: Number(id), status: 200, headers: {} }));
      }
    });
  });
  return { socket, delivered, closed };
}

describe("an app that does not read", () => {
  test("gets nothing new until it has read what it was sent; other apps do", async () => {
    await world.start({ bufferedBytesMax: 100_000 });
    const { socket, delivered } = await openOddApp();
    const other = await world.connect({ app: "other" });
    socket.pause();
    const body = "x".repeat(1_000_000);
    const published: string[] = [];
    // More than what the system keeps for a reader.
    for (let index = 0; index < 14; index++) {
      const answer = await world.publish("http://shop.connected.alt/", body);
      published.push(answer.body.messageId);
    }
    await world.publish("http://other.connected.alt/");
    await other.nextWith("deliver");
    const last = async () => (await world.messageOf(published.at(-1) ?? "")).waitingFor;
    await expect.poll(last).toContain("line of http://shop.connected.alt");
    socket.resume();
    await until(async () => delivered.length === published.length);
    await world.logged(published.at(-1) ?? "", "DELIVERED");
    socket.terminate();
  });
});

describe("an app that is silent", () => {
  test("is taken for lost, and its deliveries go elsewhere", async () => {
    await world.start({ silenceMs: 1_000, checkMs: 20 });
    // It waits for the app, which must not be lost before it comes.
    await world.publish("http://shop.connected.alt/");
    const deaf = await openOddApp({ autoPong: false });
    await until(async () => deaf.delivered.length === 1);
    expect(await deaf.closed).toBe(1006);
  });

  test("is not lost as long as it answers pings", async () => {
    // Half of it is for the answer, on a busy machine too.
    await world.start({ silenceMs: 4_000, checkMs: 20 });
    const app = await world.connect();
    const pings = await openOddApp();
    let count = 0;
    pings.socket.on("ping", () => count++);
    await until(async () => count >= 3);
    await world.publish("http://shop.connected.alt/");
    await until(async () => pings.delivered.length + app.heard.length > 1);
    pings.socket.terminate();
  });
});

describe("an app that says too much, or nonsense", () => {
  test("in one frame is cut off", async () => {
    await world.start({ frameBytesMax: 10_000 });
    const app = await world.connect();
    app.say({ end: 1, status: 200, headers: {}, body: "x".repeat(20_000) });
    expect(await app.closed).toMatchObject({ code: 1009 });
  });

  test("that waits for its commit is read no further, and all of it is done", async () => {
    await world.start({ pendingBytesMax: 1_000 });
    const app = await world.connect();
    await world.trigger("http://shop.connected.alt/order", "wfr_a");
    const { deliver } = await app.nextWith("deliver");
    for (let stepId = 1; stepId <= 30; stepId++) {
      const out = JSON.stringify("x".repeat(500));
      const record = { stepId, stepName: "s", stepType: "Run", out, concurrent: 1 };
      app.say({ submit: deliver, lines: 1 }, JSON.stringify(record));
    }
    app.say({ submit: deliver, lines: 1 }, '{"finish":{}}');
    app.say({ end: deliver, status: 200, headers: SDK_HEADERS });
    await until(async () => (await world.run("wfr_a"))?.workflowState === "RUN_SUCCESS");
    expect(app.heard.filter(({ hold }) => hold !== undefined)).toHaveLength(30);
  });

  test.each([
    ["nonsense", "one line with a JSON object"],
    ['["hello"]', "one line with a JSON object"],
    ["{}", "must have the field"],
    ['{"hello":{}}', "hello.token must be a text"],
    [() => hello(), "hello was sent twice"],
    ['{"submit":1,"lines":2}\n{}', "lines: 2, and 1 followed"],
    ['{"submit":1,"lines":2101}', "from 0 to 2100"],
    ['{"submit":1,"lines":-1}', "from 0 to 2100"],
    ['{"submit":"1","lines":0}', "submit must be the number of a delivery"],
    ['{"submit":1}', "there was no delivery 1"],
    ['{"end":0,"status":200}', "there was no delivery 0"],
    ['{"end":1,"status":100}', "from 200 to 599"],
    ['{"end":1,"status":200,"headers":{"a":1}}', "must hold texts alone"],
    ['{"end":1,"status":200,"headers":[]}', "end.headers must be an object"],
    ['{"end":1,"status":200,"body":{}}', "end.body must be a text"],
    ['{"parallelism":1.5}', "parallelism must be a whole number"],
    [new Uint8Array([1, 2, 3]), "one line with a JSON object"],
  ])("as %j is told why, and let go; its deliveries are tried again", async (frame, reason) => {
    await world.start();
    const app = await world.connect();
    app.sendRaw(typeof frame === "function" ? frame() : frame);
    const { error } = await app.nextWith("error");
    expect(error?.code).toBe("invalid_request");
    expect(error?.message).toContain(reason);
    expect(await app.closed).toMatchObject({ code: 1008, reason: "invalid_request" });
    expect((await world.call("GET", "/v2/messages")).status).toBe(200);
  });

  test("before it has said who it is, is answered once", async () => {
    await world.start();
    const app = await openSocket(world.server);
    app.sendRaw(`${hello({ token: "wrong" })}\n${hello()}\n{"parallelism":1}`);
    await app.closed;
    expect(app.heard).toHaveLength(1);
    expect(app.heard[0]?.error?.code).toBe("unauthorized");
  });
});

describe("an app that goes away", () => {
  test("leaves nothing in memory: what waits for it waits on disk, and comes when it is back", async () => {
    await world.start();
    const app = await world.connect({ parallelism: 1 });
    for (const name of ["a", "b", "c"]) await world.publish(`http://shop.connected.alt/${name}`);
    await world.trigger("http://shop.connected.alt/order", "wfr_a");
    const first = await app.nextWith("deliver");
    app.close();
    const open = await until(async () => {
      const { body } = await world.call("GET", "/v2/messages");
      const waiting = body.messages.filter((one) => one.waitingFor?.includes("to connect"));
      return waiting.length >= 3 ? waiting : null;
    });
    expect(open[0]?.waitingFor).toBe("the app shop to connect");
    const back = await world.connect({ parallelism: 10 });
    const paths = new Set<string | undefined>();
    for (let index = 0; index < 4; index++) paths.add((await back.nextWith("deliver")).path);
    expect([...paths].toSorted()).toEqual(["/a", "/b", "/c", "/order"]);
    expect(first.path).toBe("/a");
  });

  test("while a flow control holds its messages back gets them in their order and number", async () => {
    await world.start();
    const app = await world.connect({ parallelism: 10 });
    const flow = { "upstash-flow-control-key": "k", "upstash-flow-control-value": "parallelism=1" };
    for (const name of ["a", "b"]) {
      await world.publish(`http://shop.connected.alt/${name}`, "x", flow);
    }
    expect((await app.nextWith("deliver")).path).toBe("/a");
    app.close();
    await app.closed;
    const back = await world.connect();
    const seen: (string | undefined)[] = [];
    for (let index = 0; index < 2; index++) {
      const { deliver, path } = await back.nextWith("deliver");
      seen.push(path);
      back.say({ end: deliver, status: 200, headers: {} });
    }
    expect(seen.toSorted()).toEqual(["/a", "/b"]);
  });
});
