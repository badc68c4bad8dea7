// What docs/migration.md says is different between the official clients and ours, shown on both.

import { Client as OurRuns } from "@reprise/sdk";
import { Client as OurMessages } from "@reprise/sdk/messages";
import { Client as TheirMessages } from "@upstash/qstash";
import { Client as TheirRuns } from "@upstash/workflow";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { quietSdk } from "../../conformance/quiet-sdk.ts";
import { meaningOf } from "./equivalent.ts";
import { type Recorded, RecordingServer } from "./recording-server.ts";

const server = new RecordingServer();

interface Side {
  readonly runs: OurRuns;
  readonly messages: OurMessages;
}

let ours: Side;
let theirs: Side;

quietSdk();
beforeAll(async () => {
  await server.start();
  const config = { baseUrl: server.url, token: "t", retry: false } as const;
  ours = { runs: new OurRuns(config), messages: new OurMessages(config) };
  // The same calls are made on both sides.
  theirs = { runs: new TheirRuns(config), messages: new TheirMessages(config) } as unknown as Side;
});
beforeEach(() => {
  server.requests.length = 0;
  server.canned.length = 0;
});
afterAll(() => server.stop());

type Call = (side: Side) => Promise<unknown>;

/** The request that a call makes; null when it makes none. */
async function requestOf(side: Side, call: Call): Promise<Recorded | null> {
  server.requests.length = 0;
  await call(side).catch(() => null);
  return server.requests[0] ?? null;
}

/** Callers without types write them by mistake, or have them from elsewhere. */
const WIDE: Readonly<Record<string, Call>> = {
  "an empty filter": ({ runs }) => runs.cancel({ filter: {} }),
  // The types know better.
  "not all": ({ runs }) => runs.dlq.delete({ all: false } as never),
  "an empty text in a filter": ({ messages }) =>
    messages.messages.cancel({ filter: { label: "" } }),
  "a filter without values": ({ messages }) =>
    messages.dlq.delete({ filter: { label: undefined } }),
  "two ids in one": ({ runs }) => runs.cancel("wfr_mine,wfr_yours"),
};

test.each(Object.entries(WIDE))("%s is sent by the official client alone", async (_name, call) => {
  expect(await requestOf(theirs, call)).toMatchObject({ method: "DELETE" });
  expect(await requestOf(ours, call)).toBeNull();
});

test("dots in a destination lead the official client to another endpoint", async () => {
  const call: Call = ({ messages }) =>
    messages.publish({ url: "https://x/../../../../keys/rotate" });
  expect(await requestOf(theirs, call)).toMatchObject({ path: "/v2/keys/rotate" });
  expect((await requestOf(ours, call))?.path).toBe(
    `/v2/publish/${encodeURIComponent("https://x/../../../../keys/rotate")}`,
  );
});

test("a fragment is lost, and a query is no part of the path, with the official client", async () => {
  const url = "https://a.test/x?y=1#z";
  const call: Call = ({ messages }) => messages.publish({ url });
  expect(await requestOf(theirs, call)).toMatchObject({
    path: "/v2/publish/https://a.test/x",
    query: "y=1",
  });
  const request = await requestOf(ours, call);
  expect(request?.query).toBe("");
  expect(decodeURIComponent(request?.path ?? "")).toBe(`/v2/publish/${url}`);
});

test("an id with a slash leads the official client to another endpoint", async () => {
  const call: Call = ({ messages }) => messages.schedules.delete("../dlq/1-1");
  expect(await requestOf(theirs, call)).toMatchObject({ path: "/v2/dlq/1-1" });
  expect(await requestOf(ours, call)).toMatchObject({ path: "/v2/schedules/..%2Fdlq%2F1-1" });
});

test("settings in the query of a destination are refused", async () => {
  const url = "https://a.test/?upstash-callback=https://b.test";
  const call: Call = ({ messages }) => messages.publish({ url });
  expect((await requestOf(theirs, call))?.query).toBe("upstash-callback=https://b.test");
  expect(await requestOf(ours, call)).toBeNull();
});

test("a cancel of all messages has no bound", async () => {
  const call: Call = ({ messages }) => messages.messages.cancel({ all: true });
  expect((await requestOf(theirs, call))?.query).toBe("count=100");
  expect((await requestOf(ours, call))?.query).toBe("fromDate=0");
  const filtered: Call = ({ messages }) => messages.messages.cancel({ filter: { label: "a" } });
  expect((await requestOf(theirs, filtered))?.query).toBe("label=a&count=100");
  expect((await requestOf(ours, filtered))?.query).toBe("label=a");
});

test("a queue keeps what is not given", async () => {
  const call: Call = ({ messages }) =>
    messages.queue({ queueName: "q" }).upsert({ parallelism: 2 });
  const body = { queueName: "q", parallelism: 2 };
  expect(JSON.parse((await requestOf(theirs, call))?.body ?? "")).toEqual({
    ...body,
    paused: false,
  });
  expect(JSON.parse((await requestOf(ours, call))?.body ?? "")).toEqual(body);
});

test("a batch does not lose bodies that are no text", async () => {
  const call: Call = ({ messages }) =>
    messages.batch([{ url: "https://a.test", body: new Blob(["x"]) }]);
  expect(JSON.parse((await requestOf(theirs, call))?.body ?? "")[0].body).toEqual({});
  expect(await requestOf(ours, call)).toBeNull();
});

test("an object does not arrive as [object Object]", async () => {
  // The types know better.
  const body = { n: 1 } as never;
  const call: Call = ({ messages }) => messages.publish({ url: "https://a.test", body });
  expect(await requestOf(theirs, call)).toMatchObject({ body: "[object Object]" });
  expect(await requestOf(ours, call)).toBeNull();
});

test("batchJSON leaves its messages alone", async () => {
  const body: unknown = { n: 1 };
  const given = () => [{ url: "https://a.test", body }];
  const [forTheirs, forOurs] = [given(), given()];
  await requestOf(theirs, ({ messages }) => messages.batchJSON(forTheirs));
  await requestOf(ours, ({ messages }) => messages.batchJSON(forOurs));
  expect(forTheirs[0]?.body).toBe('{"n":1}');
  expect(forOurs).toEqual(given());
});

test("an empty list is nothing", async () => {
  expect(await requestOf(theirs, ({ messages }) => messages.batch([]))).toMatchObject({
    body: "[]",
  });
  expect(await requestOf(ours, ({ messages }) => messages.batch([]))).toBeNull();
  await expect(theirs.runs.trigger([])).rejects.toThrow(TypeError);
  expect(await ours.runs.trigger([])).toEqual([]);
});

test("without a token nothing is sent", async () => {
  vi.stubEnv("QSTASH_TOKEN", "");
  const config = { baseUrl: server.url, retry: false } as const;
  await new TheirMessages(config).queue().list();
  expect(server.requests[0]?.headers.authorization).toBe("Bearer");
  await expect(new OurMessages(config).queue().list()).rejects.toThrow("QSTASH_TOKEN");
  expect(server.requests).toHaveLength(1);
  vi.unstubAllEnvs();
});

test("ours tells nothing about itself", async () => {
  const call: Call = ({ messages }) => messages.publish({ url: "https://a.test" });
  const names = async (side: Side) => Object.keys((await requestOf(side, call))?.headers ?? {});
  expect((await names(theirs)).some((name) => name.startsWith("upstash-telemetry-"))).toBe(true);
  expect((await names(ours)).filter((name) => name.startsWith("upstash-"))).toEqual([
    "upstash-method",
  ]);
});

test("a rotation of the keys can be forced", async () => {
  const call: Call = ({ messages }) => messages.keys.rotate({ force: true });
  expect(await requestOf(ours, call)).toMatchObject({
    path: "/v2/keys/rotate",
    query: "force=true",
  });
});

/** Options that only ours has, as the headers that they become. */
const MORE: Readonly<Record<string, readonly [Call, Readonly<Record<string, string>>]>> = {
  "a resume with every setting": [
    ({ runs }) =>
      runs.dlq.resume("1-1", {
        delay: 30,
        retryDelay: "1000",
        label: ["a", "b"],
        failureUrl: "https://f.test",
        retries: 2,
        flowControl: { key: "k", rate: 1 },
      }),
    {
      "upstash-delay": "30s",
      "upstash-retry-delay": "1000",
      "upstash-label": "a,b",
      "upstash-failure-callback": "https://f.test",
      "upstash-retries": "2",
      "upstash-flow-control-key": "k",
      "upstash-flow-control-value": "rate=1",
    },
  ],
  "a retry with other settings": [
    ({ messages }) =>
      messages.dlq.retry("1-1", {
        notBefore: 5,
        timeout: "1m",
        redact: { body: true },
        callback: "https://c.test",
      }),
    {
      "upstash-not-before": "5",
      "upstash-timeout": "1m",
      "upstash-redact-fields": "body",
      "upstash-callback": "https://c.test",
    },
  ],
  "a callback with settings": [
    ({ messages }) =>
      messages.publish({
        url: "https://a.test",
        callback: {
          url: "https://c.test",
          method: "PUT",
          headers: { "X-A": "1", "Content-Type": "text/csv", "Upstash-Retry-Delay": "7" },
          retries: 3,
          timeout: 9,
          flowControl: { key: "k", parallelism: 1 },
          label: "l",
        },
        failureCallback: {
          url: "https://f.test",
          headers: { "X-B": "2" },
          redact: { header: true },
        },
      }),
    {
      "upstash-method": "POST",
      "upstash-callback": "https://c.test",
      "upstash-callback-method": "PUT",
      "upstash-callback-forward-x-a": "1",
      "upstash-callback-forward-content-type": "text/csv",
      "upstash-callback-retry-delay": "7",
      "upstash-callback-retries": "3",
      "upstash-callback-timeout": "9s",
      "upstash-callback-flow-control-key": "k",
      "upstash-callback-flow-control-value": "parallelism=1",
      "upstash-callback-label": "l",
      "upstash-failure-callback": "https://f.test",
      "upstash-failure-callback-forward-x-b": "2",
      "upstash-failure-callback-redact-fields": "header",
    },
  ],
};

test.each(Object.entries(MORE))("%s", async (_name, [call, headers]) => {
  const request = await requestOf(ours, call);
  if (request === null) throw new Error("no request was made");
  const { authorization, "content-type": _type, ...own } = meaningOf(request).headers;
  expect(authorization).toBe("Bearer t");
  expect(own).toEqual(headers);
});
