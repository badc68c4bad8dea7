import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

let server: Server;
let accepted: Socket[];
let proxy: TcpProxy;

beforeEach(async () => {
  const sockets: Socket[] = [];
  accepted = sockets;
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    socket.on("data", (chunk: Buffer) => socket.write(`<${chunk.toString()}>`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A listening TCP server has one.
  proxy = new TcpProxy(port);
  await proxy.start();
});

afterEach(async () => {
  await proxy.stop();
  server.close();
  for (const socket of accepted) socket.destroy();
});

async function open(): Promise<Socket> {
  const client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  await once(client, "connect");
  return client;
}

const heard = async (client: Socket): Promise<string> => String((await once(client, "data"))[0]);

/** How the connection ended: the code of the error, or `end`. */
function endOf(client: Socket): Promise<string> {
  return new Promise((resolve) => {
    client.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    client.once("close", () => resolve("closed"));
    client.once("end", () => resolve("end"));
  });
}

test("passes bytes in both directions and in order", async () => {
  const client = await open();
  for (const text of ["one", "two", "three"]) {
    client.write(text);
    expect(await heard(client)).toBe(`<${text}>`);
  }
  expect(proxy.connections).toBe(1);
});

test("an end passes, and the other direction goes on behind it", async () => {
  const client = await open();
  client.end("last");
  expect(await heard(client)).toBe("<last>");
  accepted[0]?.end("behind");
  expect(await heard(client)).toBe("behind");
});

test("down: connections break and new ones are refused until it is up", async () => {
  const client = await open();
  const end = endOf(client);
  proxy.down();
  expect(await end).toBe("ECONNRESET");
  const refused = connect(proxy.port, "127.0.0.1");
  expect(await endOf(refused)).toBe("ECONNRESET");
  proxy.up();
  const again = await open();
  again.write("x");
  expect(await heard(again)).toBe("<x>");
});

test("reset: connections break on both sides and new ones work", async () => {
  const client = await open();
  client.write("x");
  await heard(client);
  const [end, farEnd] = [endOf(client), endOf(accepted[0] as Socket)]; // It has answered.
  proxy.reset();
  expect([await end, await farEnd]).toEqual(["ECONNRESET", "ECONNRESET"]);
  expect((await open()).readyState).toBe("open");
});

test("half-close: the server hears the end, the client still gets its answers", async () => {
  const client = await open();
  client.write("x");
  await heard(client);
  const end = endOf(accepted[0] as Socket); // It has answered.
  proxy.halfClose("toServer");
  expect(await end).toBe("end");
  accepted[0]?.write("still here");
  expect(await heard(client)).toBe("still here");
});

test("latency: an answer takes as long in each direction", async () => {
  const client = await open();
  proxy.slow(40);
  const beganAt = performance.now();
  client.write("x");
  expect(await heard(client)).toBe("<x>");
  // Timers may fire a millisecond early.
  expect(performance.now() - beganAt).toBeGreaterThanOrEqual(76);
});

test("a cut in one direction keeps what is sent until it is mended", async () => {
  const client = await open();
  client.write("one");
  await heard(client);
  proxy.hold("toClient");
  client.write("two");
  const [chunk] = await once(accepted[0] as Socket, "data"); // It has answered.
  expect(String(chunk)).toBe("two");
  let early = "";
  client.on("data", (text: Buffer) => {
    early += text;
  });
  const passed = await throughAnother();
  expect([early, passed]).toEqual(["", "held"]);
  proxy.release();
  await once(client, "data");
  expect(early).toBe("<two>");
});

/** Whether another connection gets an answer now; it is asked as often as it takes to be sure that bytes would have come. */
async function throughAnother(): Promise<string> {
  const other = await open();
  other.write("other");
  let text = "held";
  other.on("data", (chunk: Buffer) => {
    text = chunk.toString();
  });
  while (accepted.length < 2) await new Promise(setImmediate);
  await once(accepted[1] as Socket, "data"); // Just looked.
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  return text;
}

test("a partition holds new connections too", async () => {
  proxy.hold("toServer", "toClient");
  const client = await open();
  client.write("late");
  let isHeard = false;
  client.once("data", () => {
    isHeard = true;
  });
  while (accepted.length === 0) await new Promise(setImmediate);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect([isHeard, accepted[0]?.bytesRead]).toEqual([false, 0]);
  proxy.release();
  expect(await heard(client)).toBe("<late>");
});
