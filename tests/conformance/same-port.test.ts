import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import { onSamePort } from "./same-port.ts";

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

test("a port that somebody else has taken is waited for", async () => {
  const other = await listen(0);
  // Servers that listen have the address of a port.
  const { port } = other.address() as AddressInfo;
  let tries = 0;
  const server = await onSamePort(() => {
    tries += 1;
    if (tries === 3) other.close();
    return listen(port);
  });
  expect(tries).toBeGreaterThanOrEqual(3);
  server.close();
});

test("any other fault is told at once", async () => {
  let tries = 0;
  const start = () => {
    tries += 1;
    return Promise.reject(new Error("no data directory"));
  };
  await expect(onSamePort(start)).rejects.toThrow("no data directory");
  expect(tries).toBe(1);
});
