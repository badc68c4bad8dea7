import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runConfig } from "./rows.suite.ts";
import {
  effectiveConfig,
  emptyMessageConfig,
  type MessageConfig,
  parseMessageConfig,
  parseRunConfig,
} from "./run-config.ts";

const callback = (url: string) => ({ url, config: { forward: {} } });
const own: MessageConfig = {
  forward: {},
  retries: 7,
  retryDelay: "7",
  timeoutMs: 700,
  failureCallback: callback("https://own.test/f"),
};
const run = {
  retries: 1,
  retryDelay: "1",
  timeoutMs: 100,
  failureCallback: callback("https://run.test/f"),
};

describe("settings of one attempt", () => {
  test("are the run's when the trigger's hold for the whole run", () => {
    expect(effectiveConfig(runConfig({ ...run, isPersistent: true }), own, 60_000)).toEqual(run);
  });

  test("are the message's own when they do not", () => {
    const { forward: _forward, ...expected } = own;
    expect(effectiveConfig(runConfig({ ...run, isPersistent: false }), own, 60_000)).toEqual(
      expected,
    );
  });

  test("of a message that brings none are the defaults, not the trigger's", () => {
    const config = runConfig({ ...run, isPersistent: false });
    expect(effectiveConfig(config, emptyMessageConfig, 60_000)).toEqual({
      retries: 3,
      retryDelay: null,
      timeoutMs: 60_000,
      failureCallback: null,
    });
  });

  test("have the server's limit when the run sets none", () => {
    const config = runConfig({ isPersistent: true, timeoutMs: null });
    expect(effectiveConfig(config, own, 60_000).timeoutMs).toBe(60_000);
  });

  test("take no retries for an answer", () => {
    const none = runConfig({ isPersistent: true, retries: 0 });
    expect(effectiveConfig(none, own, 1).retries).toBe(0);
    const message = { ...own, retries: 0 };
    expect(effectiveConfig(runConfig({ isPersistent: false }), message, 1).retries).toBe(0);
  });
});

test("what is stored comes back as it was", () =>
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.string()),
      fc.array(fc.string()),
      fc.option(fc.nat()),
      (forward, labels, timeoutMs) => {
        const config = runConfig({ forward, labels, timeoutMs });
        // As data: an own `__proto__` is a key like any other and no property of the object it came from.
        const text = JSON.stringify(config);
        expect(JSON.stringify(parseRunConfig(text))).toBe(text);
        const message = JSON.stringify({ forward, retries: 1 });
        expect(JSON.stringify(parseMessageConfig(message))).toBe(message);
      },
    ),
  ));

test("a message without settings of its own has none", () => {
  expect(parseMessageConfig(null)).toEqual({ forward: {} });
});
