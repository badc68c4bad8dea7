import { EventEmitter } from "node:events";
import { request as ask, createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { toNodeHandler } from "./node.ts";
import { keptBody, type NodeRequest, readBody, textOf, urlOf } from "./node-request.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A request of Node whose body comes in these parts. */
function incoming(parts: readonly Uint8Array[], more: Partial<NodeRequest> = {}): NodeRequest {
  const emitter = new EventEmitter();
  queueMicrotask(() => {
    for (const part of parts) emitter.emit("data", part);
    emitter.emit("end");
    emitter.emit("close");
  });
  const on = (event: string, listener: (value?: unknown) => void) => emitter.on(event, listener);
  return { method: "POST", url: "/", headers: { "content-length": "9" }, on, ...more };
}

test("a body that comes in parts is whole, though a character is split", async () => {
  const bytes = new TextEncoder().encode("\ufeffa🫖ü");
  const parts = [...bytes].map((byte) => Uint8Array.of(byte));
  expect(textOf(await readBody(incoming(parts)))).toBe("\ufeffa🫖ü");
  expect(textOf(await readBody(incoming([])))).toBe("");
});

test("a body that is too large is refused", async () => {
  const parts = [new Uint8Array(6), new Uint8Array(6)];
  await expect(readBody(incoming(parts), 11)).rejects.toMatchObject({ status: 413 });
  expect(await readBody(incoming(parts), 12)).toHaveLength(12);
});

test("a body whose sender goes away is no body", async () => {
  const emitter = new EventEmitter();
  const body = readBody({
    headers: {},
    on: (event, listener) => emitter.on(event, listener),
  });
  emitter.emit("data", new Uint8Array(1));
  emitter.emit("close");
  await expect(body).rejects.toMatchObject({ status: 400 });
});

test("what a framework has kept is preferred, as it was sent before as it was parsed", () => {
  const headers = { "content-length": "2" };
  const rawBody = new Uint8Array(2);
  expect(keptBody({ rawBody, body: { a: 1 }, headers })).toBe(rawBody);
  expect(keptBody({ body: "text", headers })).toBe("text");
  expect(keptBody({ body: Buffer.from("b"), headers })).toEqual(Buffer.from("b"));
  expect(keptBody({ body: { a: ["<&>", "é"] }, headers })).toBe('{"a":["<&>","é"]}');
  expect(keptBody({ body: {}, headers: { "content-length": "0" } })).toBe("");
  expect(keptBody({ body: {}, headers: { "transfer-encoding": "chunked" } })).toBe("{}");
  expect(keptBody({ body: null, headers })).toBeUndefined();
  expect(keptBody({ headers })).toBeUndefined();
});

test("a body that somebody has read and thrown away is missed, and the answer says so", () => {
  const read = (): unknown => readBody(incoming([], { readableEnded: true }));
  expect(read).toThrow("has been read already");
  expect(readBody(incoming([], { readableEnded: true, headers: {} }))).toBe("");
});

test.each([
  [{ host: "shop.example" }, "/order?a=1", "http://shop.example/order?a=1"],
  [{ host: "a:1", "x-forwarded-proto": "https, http" }, "/", "https://a:1/"],
  [{ host: "a", "x-forwarded-host": "b.example:8443, c" }, "/x", "http://b.example:8443/x"],
  [{ host: "a", "x-forwarded-host": "b/c?d@e" }, "/x", "http://a/x"],
  [{ host: "a", "x-forwarded-proto": "gopher" }, "/x", "http://a/x"],
  [{ host: "[::1]:3000" }, "//evil.example/x", "http://[::1]:3000//evil.example/x"],
  [{ ":authority": "h2.example" }, "/x", "http://h2.example/x"],
  [{}, "http://proxy.example/x?y", "http://localhost/x?y"],
  [{}, "*", "http://localhost/"],
])("the address of %j and %s is %s", (headers, url, address) => {
  expect(urlOf(incoming([], { headers, url }))).toBe(address);
});

test("a router that is mounted somewhere does not hide the address, and TLS is seen", () => {
  const headers = { host: "a" };
  const socket = { encrypted: true };
  const request = incoming([], { headers, url: "/x", originalUrl: "/mounted/x", socket });
  expect(urlOf(request)).toBe("https://a/mounted/x");
});

/** Asks a Web handler behind a real server. */
async function served(handler: (request: Request) => Promise<Response>): Promise<IncomingMessage> {
  const server = createServer(toNodeHandler(handler)).listen(0, "127.0.0.1");
  closing.push(() => server.close().closeAllConnections());
  await new Promise((resolve) => server.once("listening", resolve));
  // It listens on a port.
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    ask({ port, host: "127.0.0.1", method: "POST" }, resolve).once("error", reject).end("hello");
  });
}

test("the answer of a Web handler comes as it is made, and no faster than it is read", async () => {
  let pulls = 0;
  const chunk = new Uint8Array(64 * 1024);
  let finish: (pulls: number) => void;
  const canceled = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const answer = await served(async (request) => {
    expect(await request.text()).toBe("hello");
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++;
        controller.enqueue(chunk);
      },
      cancel: () => finish(pulls),
    });
    return new Response(body, {
      status: 201,
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ],
    });
  });
  expect(answer.statusCode).toBe(201);
  expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  await new Promise((resolve) => answer.once("readable", resolve));
  answer.destroy();
  // An endless answer that is not read ends with its reader, long before memory does.
  expect(await canceled).toBeLessThan(1_000);
});

test("an answer that breaks off is no answer", async () => {
  const read = async (): Promise<void> => {
    const answer = await served(async () => {
      let isBegun = false;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (isBegun) return controller.error(new Error("the disk is gone"));
          isBegun = true;
          controller.enqueue(new Uint8Array(10));
        },
      });
      return new Response(body);
    });
    for await (const part of answer) expect(part).toHaveLength(10);
  };
  // As it depends on what has left already.
  await expect(read()).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
});

test("a Web handler that throws is answered for", async () => {
  const answer = await served(async () => {
    throw new Error("no such shop");
  });
  expect(answer.statusCode).toBe(500);
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  expect(JSON.parse(text)).toEqual({ error: "Error", message: "no such shop" });
});
