import { afterEach, expect, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { createEgress } from "./egress.ts";
import type { OutgoingRequest } from "./host.ts";
import { closeServers, openHttp, openTcp } from "./loopback-servers.suite.ts";
import { SystemFetch, type SystemFetchOptions } from "./system-fetch.ts";

const clients: SystemFetch[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await closeServers();
});

function openClient(options: Partial<SystemFetchOptions> = {}): SystemFetch {
  const client = new SystemFetch({
    connectionsPerOrigin: 10,
    originsMax: 10,
    idleMs: 60_000,
    egress: createEgress({ mode: "allow-private", allow: [] }),
    ...options,
  });
  clients.push(client);
  return client;
}

function post(url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    url,
    method: "POST",
    headers: {},
    body: "",
    timeoutMs: 60_000,
    responseBytesMax: 65_536,
    ...more,
  };
}

function textOf(outcome: Outcome): string {
  return outcome.type === "response" ? Buffer.from(outcome.body).toString() : "";
}

test("a response comes back with status, headers and plain bytes", async () => {
  const url = await openHttp((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => response.writeHead(201, { "X-Answer": "yes" }).end(`got ${body}`));
  });
  const outcome = await openClient().fetch(post(`${url}/a?b=c`, { body: "hello" }));
  expect(outcome).toMatchObject({ type: "response", status: 201, isTruncated: false });
  expect(textOf(outcome)).toBe("got hello");
  if (outcome.type !== "response") throw new Error("a response was expected");
  expect(outcome.headers["x-answer"]).toEqual(["yes"]);
  expect(Buffer.isBuffer(outcome.body)).toBe(false);
});

test("header names go out as given, with the URL's host and an explicit empty length", async () => {
  let head = "";
  const url = await openTcp((socket, received) => {
    head = received;
    socket.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  const headers = { "Upstash-Message-Id": "msg_1" };
  const outcome = await openClient().fetch(post(`${url}/a`, { headers }));
  expect(outcome).toMatchObject({ type: "response", status: 204, isTruncated: false });
  expect(head).toContain("\r\nUpstash-Message-Id: msg_1\r\n");
  expect(head.toLowerCase()).toContain(`\r\nhost: ${url.slice("http://".length)}\r\n`);
  expect(head.toLowerCase()).toContain("\r\ncontent-length: 0\r\n");
  expect(head.startsWith("POST /a HTTP/1.1\r\n")).toBe(true);
});

test("dots and quotes of a URL stand in the request line as they were given", async () => {
  let head = "";
  const url = await openTcp((socket, received) => {
    head = received;
    socket.write("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await openClient().fetch(post(`${url}/a/../%2e%2e//b?it's={1}`));
  expect(head.split("\r\n")[0]).toBe("POST /a/../%2e%2e//b?it's={1} HTTP/1.1");
});

test("bytes and text are sent as they are", async () => {
  const bodies: string[] = [];
  const url = await openHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(Buffer.concat(chunks).toString("hex"));
      response.end();
    });
  });
  const client = openClient();
  await client.fetch(post(url, { body: new Uint8Array([0, 255, 10]).subarray(1) }));
  await client.fetch(post(url, { body: "ü" }));
  expect(bodies).toEqual(["ff0a", "c3bc"]);
});

test("a redirect is returned, not followed", async () => {
  let requests = 0;
  const url = await openHttp((_request, response) => {
    requests += 1;
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  const outcome = await openClient().fetch(post(url));
  expect(outcome).toMatchObject({ status: 302, headers: { location: ["/elsewhere"] } });
  expect(textOf(outcome)).toBe("");
  expect(requests).toBe(1);
});

test("a failed request is not repeated", async () => {
  let requests = 0;
  const url = await openTcp((socket) => {
    requests += 1;
    socket.destroy();
  });
  const client = openClient();
  expect(await client.fetch(post(url))).toMatchObject({ type: "error", cause: "reset" });
  expect(await client.fetch(post(url, { method: "GET" }))).toMatchObject({ cause: "reset" });
  expect(requests).toBe(2);
});

test("header values are latin1 and several values of one name stay apart, in order", async () => {
  const url = await openTcp((socket) => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Odd: caf\u00e9 \u00ff\r\n";
    socket.write(`${head}Set-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n`, "latin1");
  });
  const outcome = await openClient().fetch(post(url));
  expect(outcome).toMatchObject({
    headers: { "x-odd": ["caf\u00e9 \u00ff"], "set-cookie": ["a=1", "b=2"] },
  });
});

test("a header named __proto__ is a header", async () => {
  const url = await openTcp((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n__proto__: polluted\r\n\r\n");
  });
  const outcome = await openClient().fetch(post(url));
  if (outcome.type !== "response") throw new Error("a response was expected");
  expect(Object.entries(outcome.headers)).toContainEqual(["__proto__", ["polluted"]]);
});

test("a body is not decompressed", async () => {
  const url = await openHttp((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all");
  });
  expect(textOf(await openClient().fetch(post(url)))).toBe("not gzip at all");
});

test("a port that nobody listens on is refused", async () => {
  const url = await openTcp(() => {});
  await closeServers();
  const outcome = await openClient().fetch(post(url));
  expect(outcome).toMatchObject({ type: "error", cause: "refused" });
  expect(outcome).toHaveProperty("message", expect.stringContaining("ECONNREFUSED"));
});

test("a connection that is reset says so", async () => {
  const url = await openTcp((socket) => socket.resetAndDestroy());
  expect(await openClient().fetch(post(url))).toMatchObject({ type: "error", cause: "reset" });
});

test.each([
  ["a garbage status line", "HELO there\r\n\r\n"],
  ["an impossible status", "HTTP/1.1 99999 No\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"],
  ["a head that is too long", `HTTP/1.1 200 OK\r\nX-Long: ${"a".repeat(20_000)}\r\n\r\n`],
  ["an unasked 100", "HTTP/1.1 100 Continue\r\n\r\n"],
  ["an unasked upgrade", "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
])("%s is a protocol error", async (_name, answer) => {
  const url = await openTcp((socket) => socket.write(answer, "latin1"));
  expect(await openClient().fetch(post(url))).toMatchObject({ type: "error", cause: "protocol" });
});

test("early hints are skipped", async () => {
  const url = await openTcp((socket) => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5);
    socket.write(`${hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  });
  const outcome = await openClient().fetch(post(url));
  expect(outcome).toMatchObject({ type: "response", status: 200 });
  expect(textOf(outcome)).toBe("ok");
});

test("a success whose body breaks off is no success", async () => {
  const url = await openTcp((socket) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  });
  expect(await openClient().fetch(post(url))).toMatchObject({ type: "error", cause: "reset" });
});

test("a failure whose body breaks off keeps its status and what arrived", async () => {
  const url = await openTcp((socket) => {
    socket.end("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\nonly this");
  });
  const outcome = await openClient().fetch(post(url));
  expect(outcome).toMatchObject({ status: 503, headers: { "retry-after": ["7"] } });
  expect(outcome).toHaveProperty("isTruncated", true);
  expect(textOf(outcome)).toBe("only this");
});

test("silence ends at the deadline", async () => {
  const url = await openTcp(() => {});
  const outcome = await openClient().fetch(post(url, { timeoutMs: 50 }));
  expect(outcome).toMatchObject({ type: "error", cause: "timeout" });
});

test("an exchange that is given more time ends at the deadline that it has then", async () => {
  const url = await openTcp(() => {});
  const asked: number[] = [];
  const startedAt = Date.now();
  const lastsUntil = () => {
    asked.push(Date.now());
    return startedAt + 60;
  };
  const outcome = await openClient().fetch(post(url, { timeoutMs: 20, lastsUntil }));
  expect(outcome).toMatchObject({ type: "error", cause: "timeout" });
  expect(Date.now()).toBeGreaterThanOrEqual(startedAt + 60);
  // Nobody asks but at the end of a limit.
  expect(asked.length).toBeLessThanOrEqual(4);
});

test("a body that drips ends at the deadline, and the connection with it", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await openTcp((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    const drip = setInterval(() => socket.write("x"), 5);
    socket.on("close", () => {
      clearInterval(drip);
      closed.resolve();
    });
  });
  // So long that the server has got the request before, on a busy machine too.
  const outcome = await openClient().fetch(post(url, { timeoutMs: 2_000 }));
  expect(outcome).toMatchObject({ type: "error", cause: "timeout" });
  await closed.promise;
});

test("a body above the limit is cut, its status counts and the connection is used again", async () => {
  const ports = new Set<number | undefined>();
  const url = await openHttp((request, response) => {
    ports.add(request.socket.remotePort);
    response.end("abcdef".repeat(10_000));
  });
  const client = openClient({ connectionsPerOrigin: 1 });
  for (let round = 0; round < 3; round += 1) {
    const outcome = await client.fetch(post(url, { responseBytesMax: 8 }));
    expect(outcome).toMatchObject({ type: "response", status: 200, isTruncated: true });
    expect(textOf(outcome)).toBe("abcdefab");
  }
  expect(ports.size).toBe(1);
});

test("a body of exactly the limit is whole", async () => {
  const url = await openHttp((_request, response) => response.end("12345678"));
  const outcome = await openClient().fetch(post(url, { responseBytesMax: 8 }));
  expect(outcome).toMatchObject({ isTruncated: false });
  expect(textOf(outcome)).toBe("12345678");
});

test("an endless body costs the connection, not the status", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await openTcp((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const flood = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", flood);
    socket.on("close", closed.resolve);
    flood();
  });
  const outcome = await openClient().fetch(post(url, { responseBytesMax: 10, timeoutMs: 60_000 }));
  expect(outcome).toMatchObject({ type: "response", status: 200, isTruncated: true });
  expect(textOf(outcome)).toBe("xxxxxxxxxx");
  await closed.promise;
});

test("an unknown host is a matter of names", async () => {
  const outcome = await openClient().fetch(post("http://nowhere.invalid/"));
  expect(outcome).toMatchObject({ type: "error", cause: "dns" });
});

test("a plain port that is asked for TLS is a matter of TLS", async () => {
  const url = await openHttp((_request, response) => response.end());
  const outcome = await openClient().fetch(post(url.replace("http:", "https:")));
  expect(outcome).toMatchObject({ type: "error", cause: "tls" });
});

test.each([
  ["a URL that does not parse", "http://"],
  ["another scheme", "ftp://127.0.0.1/"],
  ["credentials in the URL", "http://a:b@127.0.0.1/"],
])("%s is an invalid request", async (_name, url) => {
  expect(await openClient().fetch(post(url))).toMatchObject({ cause: "invalid_request" });
});

test("a header that cannot be sent is an invalid request, and the next request goes through", async () => {
  const url = await openHttp((_request, response) => response.end());
  const client = openClient({ connectionsPerOrigin: 1 });
  for (const value of ["a\r\nb: c", "\u20ac", "\0"]) {
    const outcome = await client.fetch(post(url, { headers: { "x-a": value } }));
    expect(outcome).toMatchObject({ type: "error", cause: "invalid_request" });
  }
  expect(await client.fetch(post(url))).toMatchObject({ status: 200 });
});

test("no more than the allowed number of requests are under way to one origin", async () => {
  let underWay = 0;
  let highest = 0;
  const held: (() => void)[] = [];
  const url = await openHttp((_request, response) => {
    underWay += 1;
    highest = Math.max(highest, underWay);
    held.push(() => response.end());
    if (held.length < 3) return;
    underWay -= held.length;
    for (const answer of held.splice(0)) answer();
  });
  const client = openClient({ connectionsPerOrigin: 3 });
  const outcomes = await Promise.all(Array.from({ length: 39 }, () => client.fetch(post(url))));
  expect(outcomes.every((outcome) => outcome.type === "response")).toBe(true);
  expect(highest).toBe(3);
});

test("the deadline also covers the wait for a free connection, and nothing is sent after it", async () => {
  const paths: string[] = [];
  let answer = () => {};
  const url = await openHttp((request, response) => {
    paths.push(request.url ?? "");
    answer = () => response.end();
  });
  const client = openClient({ connectionsPerOrigin: 1 });
  const first = client.fetch(post(`${url}/first`));
  const second = await client.fetch(post(`${url}/second`, { timeoutMs: 30 }));
  expect(second).toMatchObject({ type: "error", cause: "timeout" });
  await expect.poll(() => paths).toEqual(["/first"]);
  answer();
  expect(await first).toMatchObject({ status: 200 });
  const third = client.fetch(post(`${url}/third`));
  await expect.poll(() => paths.length).toBe(2);
  answer();
  expect(await third).toMatchObject({ status: 200 });
  expect(paths).toEqual(["/first", "/third"]);
});

/** A server that keeps its connections, and tells how many there are. */
async function openPatient(): Promise<{ readonly url: string; readonly count: () => number }> {
  let open = 0;
  const url = await openTcp((socket) => {
    open += 1;
    socket.on("close", () => {
      open -= 1;
    });
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  return { url, count: () => open };
}

test("a connection that comes up after the deadline carries nothing", async () => {
  const paths: string[] = [];
  const url = await openHttp((request, response) => {
    paths.push(request.url ?? "");
    response.end();
  });
  const client = openClient({ connectionsPerOrigin: 1 });
  const late = client.fetch(post(`${url}/late`, { timeoutMs: 1 }));
  // The thread stands still, so that the deadline is over before the first event of the network is seen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  expect(await late).toMatchObject({ type: "error", cause: "timeout" });
  expect(await client.fetch(post(`${url}/next`))).toMatchObject({ status: 200 });
  expect(paths).toEqual(["/next"]);
});

test("idle origins make room for new ones", async () => {
  const servers = await Promise.all(Array.from({ length: 5 }, openPatient));
  const client = openClient({ originsMax: 2 });
  for (const { url } of servers) expect(await client.fetch(post(url))).toHaveProperty("status");
  const sum = () => servers.reduce((total, { count }) => total + count(), 0);
  await expect.poll(sum).toBe(2);
});

test("connections that nobody uses are closed", async () => {
  const { url, count } = await openPatient();
  const client = openClient({ idleMs: 20 });
  expect(await client.fetch(post(url))).toMatchObject({ status: 200 });
  expect(count()).toBe(1);
  await expect.poll(count).toBe(0);
  expect(await client.fetch(post(url))).toMatchObject({ status: 200 });
});

test("closing ends what is under way and what waits, with an outcome each", async () => {
  const url = await openTcp(() => {});
  const client = openClient({ connectionsPerOrigin: 1 });
  const requests = [client.fetch(post(url)), client.fetch(post(url))];
  await client.close();
  for (const request of requests) expect(await request).toMatchObject({ type: "error" });
  expect(await client.fetch(post(url))).toMatchObject({ type: "error" });
});
