import { createWorkflow, type WorkflowContext } from "@reprise/sdk";
import { type ConnectOptions, connect } from "@reprise/sdk/connect";
import { describe, expect, test } from "vitest";
import { WebSocket as SocketOfPackage } from "ws";
import { createWorld, gate, until } from "./world.ts";

/** The app's end of a connection: its options, its states, and what it leaves behind. */

const world = createWorld();

const order = createWorkflow(async (context: WorkflowContext<string>) =>
  context.run("echo", () => context.requestPayload),
);

const open = (own: Partial<ConnectOptions>) =>
  connect({
    server: world.server.url,
    token: world.server.token,
    app: "shop",
    workflows: { order },
    ...own,
  });

describe("an option that cannot be meant", () => {
  test.each<[Partial<ConnectOptions>, RegExp]>([
    [{ app: "Shop" }, /app must be 1 to 63 of a-z/],
    [{ app: "-shop" }, /app must be 1 to 63 of a-z/],
    [{ parallelism: 0 }, /parallelism must be a whole number of 1 or more, got 0/],
    [{ server: "shop" }, /server must be the http:\/\/ or https:\/\/ URL .* got "shop"/],
    [{ server: "ftp://shop/" }, /server must be the http:\/\//],
    [{ workflows: {} }, /workflows is empty/],
    [{ workflows: { "a?b": order } }, /"a\?b" cannot be a route/],
    [{ workflows: { a: order, "/a": order } }, /two workflows have the route "a"/],
  ])("%j is refused at once", (own, message) => {
    expect(() => open(own)).toThrow(message);
  });

  test("a platform without WebSocket is told what to do", () => {
    const { WebSocket: own } = globalThis;
    Reflect.deleteProperty(globalThis, "WebSocket");
    try {
      expect(() => open({})).toThrow(
        /no WebSocket: use Node 22 or later, Bun or Deno, or pass one/,
      );
    } finally {
      globalThis.WebSocket = own;
    }
  });

  test("a URL of what is not served is not given out", () => {
    const connection = open({});
    expect(() => connection.url("other")).toThrow(/nothing is served at "other"/);
    expect(connection.url("/order")).toBe("http://shop.connected.alt/order");
    connection.close();
  });
});

describe("an app that is not let in", () => {
  test("gives up when its token is wrong, and says why", async () => {
    const states: string[] = [];
    const connection = open({
      token: "wrong",
      onStateChange: (state, { error }) => states.push(`${state} ${error?.code ?? ""}`),
    });
    await expect(connection.closed).rejects.toMatchObject({
      name: "QstashError",
      code: "unauthorized",
      message: expect.stringContaining("hello.token"),
    });
    expect(states).toEqual(["closed unauthorized"]);
  });

  test("tries again, ever more slowly, while there is no server", async () => {
    const pauses: number[] = [];
    const connection = open({
      server: "http://127.0.0.1:1",
      onStateChange: (state, { retryInMs, error }) => {
        if (state !== "waiting") return;
        pauses.push(retryInMs ?? 0);
        expect(error?.message).toContain("cannot be reached");
      },
    });
    await until(() => pauses.length >= 4);
    connection.close();
    await connection.closed;
    for (const [index, pause] of pauses.slice(0, 4).entries()) {
      expect(pause).toBeGreaterThanOrEqual(50 * 2 ** index);
      expect(pause).toBeLessThanOrEqual(100 * 2 ** index);
    }
    expect(connection.state).toBe("closed");
  });

  test("comes back, however often it was turned away while the server was gone", async () => {
    const { states, connection } = await world.app({ order });
    await world.stop();
    await until(() => states.filter((state) => state === "waiting").length > 1);
    await world.start();
    await until(() => connection.state === "connected");
  });
});

describe("an app that is asked to stop", () => {
  test("by a signal drains", async () => {
    const abort = new AbortController();
    const { connection } = await world.app({ order }, { signal: abort.signal });
    abort.abort();
    await connection.closed;
    expect(connection.state).toBe("closed");
  });

  test("before it is connected closes", async () => {
    const connection = open({ signal: AbortSignal.abort() });
    await connection.closed;
    expect(connection.state).toBe("closed");
    await connection.drain();
  });

  test("by SIGTERM drains, if it wants to", async () => {
    const before = process.listenerCount("SIGTERM");
    const { connection } = await world.app({ order }, { drainOnSigterm: true });
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    process.emit("SIGTERM");
    await connection.closed;
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  test("at once leaves its work to others", async () => {
    const inStep = gate();
    const stuck = createWorkflow(async (context: WorkflowContext<undefined>) => {
      await context.run("stuck", () => {
        inStep.open();
        return new Promise<void>(() => {});
      });
    });
    const { connection } = await world.app({ order: stuck });
    const { workflowRunId } = await world.client.trigger({
      url: connection.url("order"),
      body: "x",
    });
    await inStep.opened;
    connection.close();
    await connection.closed;
    await world.app({ order });
    expect(await world.succeeded(workflowRunId)).toBe('"x"');
  });
});

describe("a socket that is passed in", () => {
  test("is used", async () => {
    const { connection } = await world.app({ order }, { WebSocket: SocketOfPackage });
    const { workflowRunId } = await world.client.trigger({
      url: connection.url("order"),
      body: "x",
    });
    expect(await world.succeeded(workflowRunId)).toBe('"x"');
  });
});

describe("what waits for an app", () => {
  test("goes on after a restart of the server, when the app connects", async () => {
    const first = await world.app({ order });
    const url = first.connection.url("order");
    await first.connection.drain();
    const { workflowRunId } = await world.client.trigger({ url, body: "x" });
    await until(async () => {
      const { runs } = await world.client.logs({ filter: { workflowRunId } });
      return JSON.stringify(runs).includes("the app shop to connect");
    });
    await world.stop();
    await world.start();
    await world.app({ order });
    expect(await world.succeeded(workflowRunId)).toBe('"x"');
  });
});
