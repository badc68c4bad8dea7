import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Api } from "./api/app.ts";
import type { Timer } from "./host/host.ts";
import { createHttpServer, TRANSPORT_LIMITS, type TransportLimits } from "./transport.ts";

/** Connections that are slow, many or never end, with an API that only reads bodies. */

let server: Server;
let sockets: Socket[];
let timers: Set<() => void>;
/** Bytes of bodies that the API has read so far. */
let bytesRead: number;
let isReading: boolean;

beforeEach(() => {
  sockets = [];
  timers = new Set();
  bytesRead = 0;
  isReading = true;
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

/** Timers that the test lets go off: looks at slow bodies. */
const host = {
  now: () => 0,
  setTimer: (_dueAt: number, callback: () => void): Timer => {
    timers.add(callback);
    return { cancel: () => void timers.delete(callback) };
  },
};

function look(): void {
  for (const callback of [...timers]) {
    timers.delete(callback);
    callback();
  }
}

const api: Api = {
  fetch: async (request) => {
    await until(() => isReading);
    try {
      for await (const chunk of request.body ?? []) bytesRead += chunk.byteLength;
    } catch {
      return new Response("cut", { status: 400 });
    }
    return new Response("read");
  },
};

async function open(limits: Partial<TransportLimits> = {}): Promise<void> {
  // Of the host only its clock is used.
  const whole = host as unknown as Parameters<typeof createHttpServer>[1];
  server = createHttpServer(api, whole, { ...TRANSPORT_LIMITS, ...limits });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

interface Connection {
  readonly received: () => string;
  readonly isClosed: () => boolean;
  write(text: string): void;
  destroy(): void;
}

function dial(): Connection {
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  let received = "";
  let isClosed = false;
  socket.setEncoding("latin1").on("data", (text) => {
    received += text;
  });
  // A reset is an end as well.
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  return {
    received: () => received,
    isClosed: () => isClosed,
    write: (text) => socket.write(text),
    destroy: () => socket.destroy(),
  };
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}

const POST = "POST /v2/x HTTP/1.1\r\nHost: a\r\n";
const GET = "GET /v2/x HTTP/1.1\r\nHost: a\r\n\r\n";

describe("a body that drips in", () => {
  test.each(["Content-Length: 1000000", "Transfer-Encoding: chunked"])(
    "is cut behind the time of grace (%s)",
    async (framing) => {
      await open();
      const connection = dial();
      connection.write(`${POST}${framing}\r\n\r\n`);
      await until(() => timers.size > 0);
      for (let looks = 1; looks <= 4; looks += 1) {
        connection.write(framing.startsWith("C") ? "x" : "1\r\nx\r\n");
        await until(() => bytesRead === looks);
        look();
        expect(connection.received()).toBe("");
      }
      look();
      await until(() => connection.isClosed());
      expect(connection.received()).toMatch(/^HTTP\/1\.1 408 /);
      expect(connection.received()).toContain('"code":"request_timeout"');
      expect(connection.received()).toContain("1024 bytes a second");
      expect(timers.size).toBe(0);
    },
  );

  test("fast enough is left alone for as long as it takes", async () => {
    await open();
    const connection = dial();
    const part = "x".repeat(1_024 * 2.5);
    connection.write(`${POST}Content-Length: ${part.length * 20}\r\n\r\n`);
    await until(() => timers.size > 0);
    for (let parts = 1; parts <= 20; parts += 1) {
      connection.write(part);
      await until(() => bytesRead === part.length * parts);
      look();
    }
    await until(() => connection.received().endsWith("read"));
    expect(connection.received()).toMatch(/^HTTP\/1\.1 200 /);
    expect(timers.size).toBe(0);
  });

  test("is not held to account while nobody reads it", async () => {
    await open();
    isReading = false;
    const connection = dial();
    connection.write(`${POST}Content-Length: 2\r\n\r\nx`);
    await until(() => timers.size > 0);
    for (let looks = 0; looks < 20; looks += 1) look();
    isReading = true;
    connection.write("x");
    await until(() => connection.received().endsWith("read"));
  });
});

describe("headers", () => {
  test("that drip in are cut in time", async () => {
    await open({ headersMs: 100, requestMs: 200, checkMs: 20 });
    const connection = dial();
    connection.write("GET /v2/x HTTP/1.1\r\n");
    const drip = setInterval(() => connection.write("a"), 10);
    await until(() => connection.isClosed());
    clearInterval(drip);
    expect(connection.received()).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
  });

  test("are given ten seconds, and looked at every second", () => {
    expect(TRANSPORT_LIMITS).toMatchObject({
      headersMs: 10_000,
      checkMs: 1_000,
      slowBodyMs: 10_000,
    });
  });
});

describe("a connection", () => {
  test("ends after so many requests, in whatever way they come", async () => {
    await open({ requestsPerConnectionMax: 3 });
    const connection = dial();
    connection.write(GET.repeat(5));
    const statuses = () => connection.received().match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];
    await until(() => statuses().length === 5);
    expect(statuses()).toEqual(["200", "200", "200", "503", "503"]);
    const [, , , third = ""] = connection.received().split("HTTP/1.1 ");
    expect(third.toLowerCase()).toContain("connection: close");
  });

  test("above their number is not taken, and the others go on", async () => {
    await open({ connectionsMax: 2 });
    const [first, second] = [dial(), dial()];
    for (const connection of [first, second]) {
      connection.write(GET);
      await until(() => connection.received().endsWith("read"));
    }
    const third = dial();
    await until(() => third.isClosed());
    expect(third.received()).toBe("");
    first.write(GET);
    await until(() => first.received().split("200 OK").length === 3);
  });

  test("that goes away in the middle of a body leaves nothing behind", async () => {
    await open();
    const connection = dial();
    connection.write(`${POST}Content-Length: 1000\r\n\r\nx`);
    await until(() => bytesRead === 1);
    connection.destroy();
    await until(() => timers.size === 0);
    const next = dial();
    next.write(GET);
    await until(() => next.received().endsWith("read"));
  });
});
