// What every adapter has to do, over real HTTP and with a real server.

import { Client, type WorkflowRunLog } from "@upstash/workflow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../conformance/until.ts";
import { type AppParts, toParts } from "./routes.ts";
import { signatureOf } from "./signing.ts";
import { INLINE_CHARS_MAX, type Listening, openWorld, type World } from "./world.ts";

/** Starts an app that serves the parts at their paths. */
export type StartApp = (parts: AppParts) => Promise<Listening>;

export interface AdapterTraits {
  /** The adapter makes the address itself, of headers that proxies add; elsewhere the framework does. */
  readonly readsForwarded?: boolean;
  /** How the framework answers methods that a route does not have; 404 or 405 when not given. */
  readonly otherMethods?: readonly number[];
}

const texts = {
  plain: "teapot",
  unicode: "Teekännchen – Größe № 7, 茶壶, 🫖👩‍👩‍👧‍👦",
  markup: `<b>&amp; "quoted" 'single' \\ \u2028 \u0001 \u007f</b>`,
  megabyte: `🫖${"x<&>".repeat(256 * 1024)}ü`,
};

class Bench {
  #world: World | null = null;
  #app: Listening | null = null;
  #client: Client | null = null;

  async start(startApp: StartApp): Promise<void> {
    this.#world = await openWorld();
    const { server, env } = this.#world;
    this.#client = new Client({ baseUrl: server.url, token: server.token });
    this.#app = await startApp(toParts(env));
    this.#world.setApp(this.#app.url);
  }

  async stop(): Promise<void> {
    await this.#world?.close();
    await this.#app?.close();
  }

  get world(): World {
    return present(this.#world);
  }

  get client(): Client {
    return present(this.#client);
  }

  url(path: string): string {
    return present(this.#app).url + path;
  }

  async trigger(path: string, body: unknown, headers?: Record<string, string>): Promise<string> {
    const run = { url: this.url(path), body, retries: 0, ...(headers ? { headers } : {}) };
    const { workflowRunId } = await this.client.trigger(run);
    return workflowRunId;
  }

  async run(workflowRunId: string): Promise<WorkflowRunLog | undefined> {
    return (await this.client.logs({ filter: { workflowRunId } })).runs[0];
  }

  /** What the run has given. */
  async result(workflowRunId: string): Promise<unknown> {
    const run = await until(`the end of ${workflowRunId}`, async () => {
      const found = await this.run(workflowRunId);
      return found !== undefined && found.workflowState !== "RUN_STARTED" && found;
    });
    expect(run.workflowState, JSON.stringify(run.steps.at(-1))).toBe("RUN_SUCCESS");
    return JSON.parse(run.workflowRunResponse ?? "null");
  }

  /** Sends a text to `/message`, signed with a key and as another text if told so. */
  async send(body: string, { key = this.#keys.current, signed = body, notBeforeS = 0 } = {}) {
    const signature = signatureOf({ body: signed, key, notBeforeS });
    const headers = { "content-type": "application/json", "upstash-signature": signature };
    return fetch(this.url("/message"), { method: "POST", headers, body });
  }

  get #keys() {
    return this.world.server.signingKeys;
  }
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error("the suite has not been started");
  return value;
}

/** Runs the tests that all adapters share against one. */
export function adapterSuite(name: string, startApp: StartApp, traits: AdapterTraits = {}): void {
  describe(name, () => {
    const bench = new Bench();
    beforeAll(() => bench.start(startApp));
    afterAll(() => bench.stop());
    testRuns(bench);
    testStarts(bench, traits);
    testRequests(bench, traits);
    testMessages(bench);
  });
}

function testRuns(bench: Bench): void {
  test.each(["plain", "unicode", "markup"])(
    "a run goes through its steps with a text that is %s",
    async (kind) => {
      // The keys of the table above.
      const text = texts[kind as keyof typeof texts];
      const runId = await bench.trigger("/order", { text, echoUrl: bench.world.echoUrl });
      expect(await bench.result(runId)).toEqual({
        text,
        greeting: bench.world.env.GREETING,
        group: [`${text}<`, `${text}>`],
        echoed: { text },
      });
    },
  );

  test("several workflows share a path, and the last segment names one", async () => {
    const runId = await bench.trigger("/many/mirror", { deep: [null, 1.5, "ß"] });
    expect(await bench.result(runId)).toEqual({ deep: [null, 1.5, "ß"] });
    const { text, echoUrl } = { text: "many", echoUrl: bench.world.echoUrl };
    const orderId = await bench.trigger("/many/order", { text, echoUrl });
    expect(await bench.result(orderId)).toMatchObject({ text, greeting: bench.world.env.GREETING });
  });

  test("a payload that is no JSON arrives as it was sent", async () => {
    const text = "a=1&b=%20+\r\n\tplain; no <json>";
    const runId = await bench.trigger("/order-text", text, { "content-type": "text/plain" });
    expect(await bench.result(runId)).toBe(text);
  });

  test("a payload of a mebibyte arrives whole", async () => {
    const payload = { text: texts.megabyte };
    expect(await bench.result(await bench.trigger("/many/mirror", payload))).toEqual(payload);
  });

  test("a list that is too long to be sent is fetched", async () => {
    const payload = { text: "é".repeat(INLINE_CHARS_MAX / 2) };
    expect(await bench.result(await bench.trigger("/many/mirror", payload))).toEqual(payload);
  });

  test("a run without a payload runs", async () => {
    expect(await bench.result(await bench.trigger("/order-text", undefined))).toBeNull();
  });

  test("a run that fails calls its failure function", async () => {
    const workflowRunId = await bench.trigger("/failing", "order <1>");
    const info = await until("the failure function", async () => {
      const { messages } = await bench.client.dlq.list({ filter: { workflowRunId } });
      const found = messages[0]?.failureCallbackInfo;
      return found?.state === "CALLBACK_SUCCESS" && found;
    });
    expect(info).toMatchObject({ state: "CALLBACK_SUCCESS", responseStatus: 200 });
    expect(info.responseBody).toContain("order <1>: 500 cannot do <order <1>> & more 💥");
  });
}

function testStarts(bench: Bench, { readsForwarded = false }: AdapterTraits): void {
  const start = async (url: string, headers: Record<string, string> = {}): Promise<string> => {
    const body = JSON.stringify({ started: "by hand ✋" });
    const type = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers: { ...type, ...headers }, body });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    // The answer of every SDK to a first call.
    return (JSON.parse(text) as { readonly workflowRunId: string }).workflowRunId;
  };

  test("a call of an open endpoint starts a run", async () => {
    const runId = await start(bench.url("/open"));
    expect(await bench.result(runId)).toEqual({ started: "by hand ✋" });
    expect((await bench.run(runId))?.workflowUrl).toBe(bench.url("/open"));
  });

  test("a query stays part of the address", async () => {
    const runId = await start(bench.url("/open?tenant=a%26b&x=1"));
    expect(await bench.result(runId)).toEqual({ started: "by hand ✋" });
    expect((await bench.run(runId))?.workflowUrl).toBe(bench.url("/open?tenant=a%26b&x=1"));
  });

  test("behind a proxy that takes a part off the path the option url says the whole of it", async () => {
    const runId = await start(`${bench.world.proxyUrl}/shop/prefixed`);
    expect(await bench.result(runId)).toEqual({ started: "by hand ✋" });
    expect((await bench.run(runId))?.workflowUrl).toBe(bench.world.env.PREFIXED_URL);
  });

  if (!readsForwarded) return;
  test("the address is the one that a proxy was asked for", async () => {
    const [, port] = /:(\d+)$/.exec(bench.url("")) ?? [];
    const host = `localhost:${port}`;
    const runId = await start(bench.url("/open"), {
      "x-forwarded-proto": "http, https",
      "x-forwarded-host": host,
    });
    expect(await bench.result(runId)).toEqual({ started: "by hand ✋" });
    expect((await bench.run(runId))?.workflowUrl).toBe(`http://${host}/open`);
  });
}

function testRequests(bench: Bench, { otherMethods = [404, 405] }: AdapterTraits): void {
  const post = (path: string, headers: Record<string, string> = {}): Promise<Response> => {
    const type = { "content-type": "application/json" };
    return fetch(bench.url(path), { method: "POST", headers: { ...type, ...headers }, body: "{}" });
  };

  test("strangers cannot call a workflow that has signing keys", async () => {
    const response = await post("/order");
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.json()).toMatchObject({ error: "SignatureError" });
    const key = "sig_wrong";
    const forged = await post("/order", { "upstash-signature": signatureOf({ body: "{}", key }) });
    expect(forged.status).toBeGreaterThanOrEqual(400);
    expect(await forged.json()).toMatchObject({ error: "SignatureError" });
  });

  test("a name that no workflow has is not found, and the answer says which there are", async () => {
    const response = await post("/many/nothing");
    expect(response.status).toBe(404);
    expect(await response.text()).toMatch(/nothing.*mirror/s);
  });

  test.each(["GET", "HEAD"])("%s starts nothing", async (method) => {
    const before = await bench.client.logs({});
    for (const path of ["/open", "/many/mirror"]) {
      const response = await fetch(bench.url(path), { method });
      const text = await response.text();
      expect(otherMethods, `${path}: ${response.status} ${text}`).toContain(response.status);
    }
    expect((await bench.client.logs({})).runs).toHaveLength(before.runs.length);
  });
}

function testMessages(bench: Bench): void {
  test.each(Object.keys(texts))(
    "a signed message with a text that is %s is let through",
    async (kind) => {
      // The keys of the table above; indented, so that parsing and printing it again would change it.
      const body = JSON.stringify({ text: texts[kind as keyof typeof texts] }, null, 2);
      const response = await bench.send(body);
      expect([response.status, await response.text()]).toEqual([200, body]);
    },
  );

  test("the next key holds too, and clocks may differ as much as they may", async () => {
    const { next } = bench.world.server.signingKeys;
    expect((await bench.send("{}", { key: next })).status).toBe(200);
    expect((await bench.send("{}", { notBeforeS: 20 })).status).toBe(200);
    expect((await bench.send("{}", { notBeforeS: 60 })).status).toBe(403);
  });

  test("an empty message is a message", async () => {
    const response = await bench.send("");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("messages of strangers are refused", async () => {
    const forged = await bench.send("{}", { key: "sig_wrong" });
    expect(forged.status).toBe(403);
    expect(await forged.text()).toMatch(/SignatureError|Forbidden|signature/);
    expect((await bench.send("{}", { signed: '{"a":1}' })).status).toBe(403);
    const unsigned = await fetch(bench.url("/message"), { method: "POST", body: "{}" });
    expect(unsigned.status).toBe(403);
  });

  test("the server's own messages are let through", async () => {
    const { server } = bench.world;
    const response = await fetch(`${server.url}/v2/publish/${bench.url("/message")}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.token}`,
        "content-type": "application/json",
        "upstash-retries": "0",
      },
      body: JSON.stringify({ text: texts.markup + texts.unicode }),
    });
    // The answer to a published message.
    const { messageId } = (await response.json()) as { readonly messageId: string };
    await until("the delivery", async () => {
      const headers = { authorization: `Bearer ${server.token}` };
      const logs = await fetch(`${server.url}/v2/logs?messageId=${messageId}`, { headers });
      return (await logs.text()).includes("DELIVERED");
    });
  });
}
