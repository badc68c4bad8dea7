import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { createEgress } from "./egress.ts";
import type { OutgoingRequest } from "./host.ts";
import {
  drip,
  flood,
  type HostileServer,
  type Misdeed,
  openHostile,
  say,
  sayAndEnd,
} from "./hostile-server.suite.ts";
import { SystemFetch } from "./system-fetch.ts";

const RESPONSE_BYTES_MAX = 65_536;
/** Deadline of attempts that come to an end by themselves. */
const TIMEOUT_MS = 60_000;
/** Deadline of attempts that hang. */
const SHORT_MS = 150;
/** The same, when something has to come before it: so long that it does on a busy machine. */
const LONGER_MS = 4_000;
/** How late a timer may be on a busy machine. */
const LATE_MS = 20_000;

const clients: SystemFetch[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** One connection for the origin, so that a place which is not freed shows at once. */
function openClient(): SystemFetch {
  const client = new SystemFetch({
    ...{ connectionsPerOrigin: 1, originsMax: 10, idleMs: 60_000 },
    egress: createEgress({ mode: "allow-private", allow: [] }),
  });
  clients.push(client);
  return client;
}

function post(url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const limits = { timeoutMs: TIMEOUT_MS, responseBytesMax: RESPONSE_BYTES_MAX };
  return { url, method: "POST", headers: {}, body: "hello", ...limits, ...more };
}

async function openServer(misdeed: Misdeed): Promise<HostileServer> {
  const server = await openHostile(misdeed);
  onTestFinished(server.close);
  return server;
}

function summary(outcome: Outcome): string {
  if (outcome.type === "error") return outcome.cause;
  return `${outcome.status}${outcome.isTruncated ? " cut" : ""}`;
}

/**
 * Delivers to the destination while it misbehaves, then to the same one while it is healthy, over the one connection
 * that it may have.
 */
async function deliver(misdeed: Misdeed, more: Partial<OutgoingRequest> = {}): Promise<Outcome> {
  const server = await openServer(misdeed);
  const client = openClient();
  const startedAt = performance.now();
  const outcome = await client.fetch(post(`${server.url}/bad`, more));
  expect(performance.now() - startedAt).toBeLessThan((more.timeoutMs ?? TIMEOUT_MS) + LATE_MS);
  if (outcome.type === "error") expect(outcome.message).toMatch(/^[\x20-\x7e]{10,300}$/);
  // Shorter than the other deadline, which would free the place as well.
  const next = await client.fetch(post(`${server.url}/good`, { timeoutMs: TIMEOUT_MS / 2 }));
  expect(next).toMatchObject({ type: "response", status: 200, isTruncated: false });
  expect(next.type === "response" && Buffer.from(next.body).toString()).toBe("healthy");
  expect(server.paths.filter((path) => path === "/bad").length).toBeLessThanOrEqual(1);
  await expect.poll(server.open).toBeLessThanOrEqual(1);
  return outcome;
}

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

type Case = readonly [name: string, misdeed: Misdeed, outcome: string];

const ENDS: readonly Case[] = [
  ["resets when connected", { onConnect: (socket) => socket.resetAndDestroy() }, "reset"],
  ["ends when connected", { onConnect: (socket) => socket.end() }, "reset"],
  ["resets when asked", { onRequest: (socket) => socket.resetAndDestroy() }, "reset"],
  ["ends when asked", { onRequest: (socket) => socket.end() }, "reset"],
  ["ends within the status line", sayAndEnd("HTTP/1.1 20"), "reset"],
  ["ends within a header", sayAndEnd(`${OK}Content-Le`), "reset"],
  ["ends before the body", sayAndEnd(`${OK}Content-Length: 10\r\n\r\n`), "reset"],
  ["ends within the body", sayAndEnd(`${OK}Content-Length: 10\r\n\r\nabc`), "reset"],
  ["ends within a chunk", sayAndEnd(CHUNKED, "a\r\nabc"), "reset"],
  ["ends before the last chunk", sayAndEnd(CHUNKED, "3\r\nabc\r\n"), "reset"],
  [
    "ends early with a failure",
    sayAndEnd("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nab"),
    "503 cut",
  ],
];

const HANGS: readonly Case[] = [
  ["is silent when connected", { isDeaf: true }, "timeout"],
  ["is silent when asked", {}, "timeout"],
  ["stops within the status line", say("HTTP/1.1 20"), "timeout"],
  ["stops within a header", say(`${OK}Content-Le`), "timeout"],
  ["stops before the body", say(`${OK}Content-Length: 10\r\n\r\n`), "timeout"],
  ["stops within a chunk", say(CHUNKED, "a\r\nabc"), "timeout"],
  ["stops before the last chunk", say(CHUNKED, "3\r\nabc\r\n"), "timeout"],
  ["gives its status line letter by letter", drip("HTTP/1.1 200 ", "o"), "timeout"],
  ["gives headers letter by letter", drip(`${OK}X-Slow: `, "a"), "timeout"],
  ["gives one header after the other", drip(OK, "X-A: b\r\n"), "timeout"],
  ["drips its body", drip(`${OK}Content-Length: 100000\r\n\r\n`, "a"), "timeout"],
  ["drips chunks", drip(CHUNKED, "1\r\na\r\n"), "timeout"],
  ["drips early hints", drip("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "timeout"],
  ["says that it processes, for ever", drip("", "HTTP/1.1 102 Processing\r\n\r\n"), "timeout"],
  [
    "announces more than there is",
    say(`${OK}Content-Length: 9007199254740993\r\n\r\nabc`),
    "timeout",
  ],
  ["has a chunk extension without end", flood(`${CHUNKED}1;`, "a".repeat(65_536)), "timeout"],
  ["has an unknown coding", say(`${OK}Transfer-Encoding: x\r\n\r\nabc`), "timeout"],
];

const HANGS_LATE: readonly Case[] = [
  ["drips the body of a failure", drip("HTTP/1.1 500 No\r\n\r\n", "a"), "500 cut"],
];

const HUGE: readonly Case[] = [
  [
    "has 5 MB of body",
    say(`${OK}Content-Length: 5242880\r\n\r\n`, "a".repeat(5_242_880)),
    "200 cut",
  ],
  ["has no end of body", flood(`${OK}\r\n`, "a".repeat(65_536)), "200 cut"],
  ["has no end of chunks", flood(CHUNKED, `10000\r\n${"a".repeat(65_536)}\r\n`), "200 cut"],
  ["fails with no end of body", flood("HTTP/1.1 500 No\r\n\r\n", "a".repeat(65_536)), "500 cut"],
  ["has a header of 20 KB", say(`${OK}X-Long: ${"a".repeat(20_480)}\r\n\r\n`), "protocol"],
  ["has a header without end", flood(`${OK}X-Long: `, "a".repeat(65_536)), "protocol"],
  ["has 10,000 headers", say(OK, "X-A: b\r\n".repeat(10_000), "\r\n"), "protocol"],
  ["has headers without end", flood(OK, "X-A: b\r\n".repeat(1_000)), "protocol"],
  [
    "has 2,500 short headers",
    say(`${OK}Content-Length: 0\r\n`, "a:b\r\n".repeat(2_500), "\r\n"),
    "200",
  ],
  ["has trailers without end", flood(`${CHUNKED}0\r\n`, "X-A: b\r\n".repeat(1_000)), "protocol"],
  [
    "floods with early hints",
    flood("", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)),
    "protocol",
  ],
];

const BROKEN: readonly Case[] = [
  ["says hello", say("HELO there\r\n\r\n"), "protocol"],
  ["speaks HTTP/0.9", sayAndEnd("<html>hello</html>"), "protocol"],
  ["speaks HTTP/2", say("\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"), "protocol"],
  ["speaks TLS", say("\x15\x03\x01\0\x02\x02\x46"), "protocol"],
  [
    "speaks before it is asked",
    { onConnect: (socket) => void socket.write("220 mail ready\r\n") },
    "protocol",
  ],
  ["has a chunk without size", say(CHUNKED, "zz\r\nhello\r\n0\r\n\r\n"), "protocol"],
  ["has a chunk of a negative size", say(CHUNKED, "-1\r\nhello\r\n0\r\n\r\n"), "protocol"],
  ["has a chunk that is longer than it says", say(CHUNKED, "3\r\nhello\r\n0\r\n\r\n"), "protocol"],
  ["has a chunk of an impossible size", say(CHUNKED, `${"f".repeat(17)}\r\nhello`), "protocol"],
  [
    "has both framings",
    say(`${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    "protocol",
  ],
  ["has two lengths", say(`${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`), "protocol"],
  ["has a negative length", say(`${OK}Content-Length: -1\r\n\r\n`), "protocol"],
  ["has an impossible length", say(`${OK}Content-Length: ${"9".repeat(30)}\r\n\r\n`), "protocol"],
  ["has a length in words", say(`${OK}Content-Length: three\r\n\r\nabc`), "protocol"],
  ["has a NUL in a header", say(`${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`), "protocol"],
  ["has a bare CR in a header", say(`${OK}X-A: a\rb\r\nContent-Length: 0\r\n\r\n`), "protocol"],
  ["has a blank before a colon", say(`${OK}Content-Length : 0\r\n\r\n`), "protocol"],
  ["has a header without a name", say(`${OK}: b\r\nContent-Length: 0\r\n\r\n`), "protocol"],
  ["has status 99", say("HTTP/1.1 99 No\r\nContent-Length: 0\r\n\r\n"), "protocol"],
  ["has status 099", say("HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"), "protocol"],
  ["has status 1000", say("HTTP/1.1 1000 No\r\nContent-Length: 0\r\n\r\n"), "protocol"],
  ["has a status of letters", say("HTTP/1.1 abc No\r\nContent-Length: 0\r\n\r\n"), "protocol"],
  [
    "goes on unasked",
    say("HTTP/1.1 100 Continue\r\n\r\n", `${OK}Content-Length: 0\r\n\r\n`),
    "protocol",
  ],
  [
    "upgrades unasked",
    say("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    "protocol",
  ],
  ["switches unasked", say("HTTP/1.1 101 Go\r\n\r\n"), "protocol"],
];

const ODD: readonly Case[] = [
  ["has status 999", say("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), "999"],
  ["has no reason", say("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), "200"],
  [
    "has a long reason",
    say(`HTTP/1.1 200 ${"a".repeat(1_000)}\r\nContent-Length: 0\r\n\r\n`),
    "200",
  ],
  ["is of version 1.0", sayAndEnd("HTTP/1.0 200 OK\r\n\r\nhello"), "200"],
  ["ends its body with the connection", sayAndEnd(`${OK}\r\nhello`), "200"],
  [
    "wants to close and does not",
    say(`${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`),
    "200",
  ],
  ["is not modified", say("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), "304"],
  [
    "answers before it has read",
    { onConnect: (socket) => void socket.write(`${OK}Content-Length: 0\r\n\r\n`) },
    "200",
  ],
  [
    "has bytes that are no text in a header",
    say(`${OK}X-A: \xff\xfe\x80\r\nContent-Length: 0\r\n\r\n`),
    "200",
  ],
  ...[301, 302, 303, 307, 308].map((status): Case => {
    const head = `HTTP/1.1 ${status} Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n`;
    return [`redirects with ${status}`, say(head), `${status}`];
  }),
];

describe.each([
  ["that ends", ENDS, TIMEOUT_MS],
  ["that hangs", HANGS, SHORT_MS],
  ["that hangs behind its status", HANGS_LATE, LONGER_MS],
  ["that is huge", HUGE, TIMEOUT_MS],
  ["that is broken", BROKEN, TIMEOUT_MS],
  ["that is odd", ODD, TIMEOUT_MS],
])("a destination %s", (_group, cases, timeoutMs) => {
  test.each(cases)("and %s", async (_name, misdeed, expected) => {
    expect(summary(await deliver(misdeed, { timeoutMs }))).toBe(expected);
  });
});

describe("a body", () => {
  test("that is compressed a thousandfold stays as it is", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const codings = "Content-Encoding: gzip\r\n".repeat(300);
    const outcome = await deliver({
      onRequest: (socket) => {
        socket.write(`${OK}${codings}Content-Length: ${bomb.length}\r\n\r\n`);
        socket.write(bomb);
      },
    });
    expect(summary(outcome)).toBe("200");
    expect(outcome.type === "response" && Buffer.from(outcome.body).equals(bomb)).toBe(true);
  });

  test("after a status that has none is no answer to the next request", async () => {
    const outcome = await deliver(say("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"));
    expect(summary(outcome)).toBe("204");
  });

  test("that holds another response is no answer to the next request", async () => {
    const planted = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";
    expect(summary(await deliver(say(`${OK}Content-Length: 0\r\n\r\n`, planted)))).toBe("200");
    const later: Misdeed = {
      onRequest: (socket) => {
        socket.write(`${OK}Content-Length: 0\r\n\r\n`);
        setImmediate(() => socket.write(planted));
      },
    };
    expect(summary(await deliver(later))).toBe("200");
  });
});

describe("a request that is not read", () => {
  const body = new Uint8Array(8_000_000);

  test("ends at its deadline", async () => {
    expect(summary(await deliver({ isDeaf: true }, { body, timeoutMs: SHORT_MS }))).toBe("timeout");
  });

  test("ends when the connection is reset under it", async () => {
    const misdeed: Misdeed = { onRequest: (socket) => socket.resetAndDestroy() };
    expect(summary(await deliver(misdeed, { body }))).toBe("reset");
  });

  test("can still be answered", async () => {
    const misdeed = sayAndEnd("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    expect(["413", "413 cut", "reset"]).toContain(summary(await deliver(misdeed, { body })));
  });
});
