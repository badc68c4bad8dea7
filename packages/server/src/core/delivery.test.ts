import { flatHeadersFromRecord, messageId } from "@reprise/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DeliverySource, deliveryHeaders } from "./delivery.ts";
import { messageRow, NOW, runConfig, runRow } from "./rows.suite.ts";
import type { MessageKind } from "./rows.ts";

type Headers = Readonly<Record<string, string>>;

function headers(
  own: Headers,
  source: Partial<Omit<DeliverySource, "own">> & { readonly forward?: Headers } = {},
) {
  const { forward = {}, ...rest } = source;
  return deliveryHeaders({
    message: messageRow(),
    run: runRow(),
    config: runConfig({ forward }),
    own: { forward: own },
    ...rest,
  });
}

const of = (kind: MessageKind) => messageRow({ kind });
const sdk = { "upstash-workflow-sdk-version": "1" };

test("a step carries what the SDK reads, and nothing that nobody asked for", () => {
  const message = messageRow({ key: 35, retried: 2 });
  expect(headers({}, { message })).toEqual({
    "user-agent": "Upstash-QStash",
    "content-type": "application/json",
    "upstash-workflow-runid": "wfr_test",
    "upstash-workflow-createdat": String(NOW - 10_000),
    "upstash-workflow-url": "https://app.test/api/order",
    "upstash-workflow-init": "false",
    "upstash-message-id": messageId(35),
    "upstash-retried": "2",
    "upstash-caller-ip": "192.0.2.1",
    "x-forwarded-proto": "https",
  });
});

test("the scheme is the destination's", () => {
  const message = messageRow({ url: "http://localhost:3000/api" });
  expect(headers({}, { message })["x-forwarded-proto"]).toBe("http");
});

describe("precedence", () => {
  test("a message's header wins over its run's, name by name", () => {
    const forward = { "x-a": "run", "x-b": "run" };
    expect(headers({ "x-b": "own" }, { forward })).toMatchObject({ "x-a": "run", "x-b": "own" });
  });

  test.each([
    "upstash-signature",
    "upstash-message-id",
    "upstash-retried",
    "upstash-caller-ip",
    "upstash-workflow-runid",
    "upstash-workflow-createdat",
    "upstash-workflow-url",
    "upstash-workflow-init",
    "content-type",
    "x-forwarded-proto",
  ])("a forged %s loses, wherever it comes from", (name) => {
    const forged = headers({ [name]: "forged" }, { forward: { [name]: "forged" } });
    expect(forged[name]).toBe(headers({})[name]);
  });

  test.each([
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "proxy-authorization",
    "upstash-schedule-id",
    "upstash-topic-name",
    "upstash-region",
    "upstash-telemetry-sdk",
  ])("%s is never passed on", (name) => {
    expect(headers({ [name]: "x" }, { forward: { [name]: "x" } })).not.toHaveProperty([name]);
  });
});

describe("headers of the workflow protocol", () => {
  test("travel with the message that brought them", () => {
    const own = { ...sdk, "upstash-workflow-invoke-count": "2" };
    expect(headers(own)).toMatchObject(own);
  });

  test("do not stay with the run", () => {
    const forward = { ...sdk, "upstash-workflow-unknown-sdk": "true", "x-a": "1" };
    const sent = headers({}, { forward });
    expect(sent).toMatchObject({ "x-a": "1" });
    expect(sent).not.toHaveProperty(["upstash-workflow-sdk-version"]);
    expect(sent).not.toHaveProperty(["upstash-workflow-unknown-sdk"]);
  });
});

describe("a hop", () => {
  test("says that the SDK is unknown, and therefore names no version", () => {
    const sent = headers(sdk, { message: of("hop") });
    expect(sent["upstash-workflow-unknown-sdk"]).toBe("true");
    expect(sent).not.toHaveProperty(["upstash-workflow-sdk-version"]);
    expect(sent["upstash-workflow-runid"]).toBe("wfr_test");
  });

  test("is made once: no other delivery carries its mark", () => {
    const own = { "upstash-workflow-unknown-sdk": "true" };
    for (const kind of ["step", "failureCall"] as const) {
      const sent = headers(own, { message: of(kind) });
      expect(sent).not.toHaveProperty(["upstash-workflow-unknown-sdk"]);
    }
  });
});

describe("a failure call", () => {
  const marks = {
    "upstash-workflow-is-failure": "true",
    "upstash-workflow-failure-callback": "true",
  };

  test("carries its own headers, not its run's", () => {
    const message = of("failureCall");
    const own = { ...marks, authorization: "Bearer own" };
    const sent = headers(own, { message, forward: { "x-run": "1", authorization: "Bearer run" } });
    expect(sent).toMatchObject({ ...own, "upstash-workflow-runid": "wfr_test" });
    expect(sent).not.toHaveProperty(["x-run"]);
  });

  test("never names the step protocol, or the SDK would read its body as steps", () => {
    const sent = headers({ ...marks, ...sdk }, { message: of("failureCall"), forward: sdk });
    expect(sent).not.toHaveProperty(["upstash-workflow-sdk-version"]);
    expect(sent).not.toHaveProperty(["upstash-workflow-init"]);
  });
});

test("whatever is forwarded, the server's own headers stand and every name is there once", () =>
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.string()),
      fc.dictionary(fc.string(), fc.string()),
      fc.constantFrom<MessageKind>("step", "hop", "failureCall"),
      (run, own, kind) => {
        const message = messageRow({ kind, retried: 3 });
        const sent = headers(flatHeadersFromRecord(own), {
          message,
          forward: flatHeadersFromRecord(run),
        });
        expect(sent).toMatchObject({
          "upstash-workflow-runid": "wfr_test",
          "upstash-message-id": messageId(3),
          "upstash-retried": "3",
          "content-type": "application/json",
        });
        for (const name in sent) expect(name).toBe(name.toLowerCase());
      },
    ),
  ));
