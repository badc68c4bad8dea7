import { afterEach, expect, test, vi } from "vitest";
import { Receiver } from "../messages/receiver.ts";
import { DEVELOPMENT, isDevelopment, readEnvironment } from "./environment.ts";
import { Http } from "./http.ts";

afterEach(() => vi.unstubAllGlobals());

test("QSTASH_DEV goes before addresses and tokens, and devMode before it", () => {
  const environment = { QSTASH_DEV: "true", QSTASH_URL: "https://prod.test", QSTASH_TOKEN: "prod" };
  expect(new Http({ token: "prod" }, environment)).toMatchObject({
    baseUrl: "http://localhost:8080",
    token: DEVELOPMENT.token,
  });
  const other = new Http({}, { ...environment, QSTASH_DEV_PORT: "9000" });
  expect(other.baseUrl).toBe("http://localhost:9000");
  expect(new Http({ devMode: false }, environment)).toMatchObject({
    baseUrl: "https://prod.test",
    token: "prod",
  });
});

test.each([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
  ["", false],
  [undefined, false],
])("QSTASH_DEV=%s is %s", (QSTASH_DEV, isDev) => {
  expect(isDevelopment({ QSTASH_DEV }, undefined)).toBe(isDev);
});

test("a receiver takes the keys of the environment that it is given", async () => {
  const none = new Receiver({}, {});
  const signature = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";
  await expect(none.verify({ signature, body: "" })).rejects.toThrow("there are no signing keys");
  const dev = new Receiver({}, { QSTASH_DEV: "1" });
  await expect(dev.verify({ signature, body: "" })).rejects.toMatchObject({ fault: "key" });
});

test("where there is no process there are no variables", () => {
  vi.stubGlobal("process", undefined);
  expect(readEnvironment()).toEqual({});
  expect(new Http({ token: "t" }).baseUrl).toBe("http://localhost:8080");
});
