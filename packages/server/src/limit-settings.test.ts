import { expect, onTestFinished, test } from "vitest";
import { devServerConfig } from "./config.ts";
import type { Limits } from "./engine/limits.ts";
import { startServer } from "./main.ts";

/** Limits that only a whole server has; those of the API are tried beside it. */

async function start(limits: Partial<Limits>) {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 1_000, ...limits });
  onTestFinished(() => server.close());
  return async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const authorization = `Bearer ${server.token}`;
    const init = { method: "POST", headers: { authorization, "upstash-delay": "1h", ...headers } };
    const response = await fetch(server.url + path, init);
    return { status: response.status, text: await response.text() };
  };
}

const URL_64 = `https://app.test/${"x".repeat(47)}`;

test("a destination, a callback and an endpoint may be so long", async () => {
  const send = await start({ urlBytesMax: 64 });
  expect((await send(`/v2/publish/${URL_64}`)).status).toBeLessThan(300);
  const refused = { status: 400, text: expect.stringContaining("longer than 64 bytes") };
  expect(await send(`/v2/publish/${URL_64}x`)).toEqual(refused);
  expect(await send("/v2/publish/https://app.test/", { "upstash-callback": `${URL_64}x` })).toEqual(
    { status: 400, text: expect.stringContaining("Upstash-Callback") },
  );
  expect(await send(`/v2/schedules/${URL_64}x`, { "upstash-cron": "* * * * *" })).toEqual(refused);
});

test("the headers of a request may be so large", async () => {
  const send = await start({ headerBytesMax: 4_096 });
  expect((await send("/v2/publish/https://app.test/", { "x-a": "b".repeat(3_000) })).status).toBe(
    200,
  );
  expect(await send("/v2/publish/https://app.test/", { "x-a": "b".repeat(5_000) })).toEqual({
    status: 431,
    text: expect.stringContaining("at most 4096 bytes"),
  });
});

test("larger headers than usual are read when the limit is raised", async () => {
  const send = await start({ headerBytesMax: 200_000 });
  const headers = { "x-a": "b".repeat(100_000) };
  expect((await send("/v2/publish/https://app.test/", headers)).status).toBe(200);
});
