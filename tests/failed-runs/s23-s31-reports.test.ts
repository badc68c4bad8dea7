// Reports of failures to other code than the workflow: older SDKs that name a failure URL, and the check of signatures.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Receiver } from "@upstash/qstash";
import { afterEach, expect, test } from "vitest";
import { type OldOptions, serveOld } from "../conformance/old-sdk.ts";
import { deliveryAt, qstash } from "../conformance/publisher.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";

const world = useWorld({ isOnDisk: true });
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Starts a run of an endpoint of the older SDK by a request to it, and waits for its entry. */
async function failOldOrder(options: Partial<OldOptions>) {
  const url = serveOld(
    world,
    "/order",
    async (context) => {
      await context.run("broken", () => {
        throw new Error("broken");
      });
    },
    // The request that starts the run comes from a person, who signs nothing.
    { retries: 0, receiver: undefined, ...options } as Partial<OldOptions>,
  );
  const answer = await fetch(url, { method: "POST", body: '{"order":7}' });
  const { workflowRunId } = (await answer.json()) as { workflowRunId: string }; // Or the next line fails.
  return world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
}

test("S23: a failure URL among the options of serve gets the failure", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const { workflowRunId, ...entry } = await failOldOrder({ failureUrl });
  expect(entry).toMatchObject({ failureCallback: failureUrl, responseStatus: 500 });
  const [call] = world.app.at("/alarm");
  expect(JSON.parse(call?.body ?? "")).toMatchObject({ workflowRunId, status: 500 });
});

test("S25: of a failure URL and a failure function among the options of serve only the function is called", async () => {
  const told: number[] = [];
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const failureFunction: OldOptions["failureFunction"] = ({ failStatus }) =>
    void told.push(failStatus);
  const entry = await failOldOrder({ failureUrl, failureFunction });
  await world.server.close();
  expect(entry.failureCallback).toBe(entry.workflowUrl);
  expect(told).toEqual([500]);
  expect(world.app.at("/alarm")).toEqual([]);
});

test("S29: a message of a URL group is reported with the names of group and endpoint, another one without", async () => {
  const client = qstash(world);
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const failureCallback = world.app.on("/alarm", () => new Response("noted"));
  await client.urlGroups.addEndpoints({ name: "orders", endpoints: [{ url, name: "first" }] });
  await client.publish({ urlGroup: "orders", failureCallback, retries: 0 });
  const report = JSON.parse((await deliveryAt(world, "/alarm")).body);
  expect(report).toMatchObject({ topicName: "orders", endpointName: "first", url });
  expect(report).not.toHaveProperty("scheduleId");
  await client.publish({ url, failureCallback, retries: 0 });
  const plain = JSON.parse((await deliveryAt(world, "/alarm", 1)).body);
  for (const name of ["topicName", "endpointName", "scheduleId"]) {
    expect(plain).not.toHaveProperty(name);
  }
});

test("S29: a message of a schedule is reported with the schedule's id", async () => {
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const failureCallback = world.app.on("/alarm", () => new Response("noted"));
  const { scheduleId } = await qstash(world).schedules.create({
    destination: url,
    cron: "0 0 1 1 *",
    failureCallback,
    retries: 0,
  });
  await missTick(scheduleId);
  const report = JSON.parse((await deliveryAt(world, "/alarm")).body);
  expect(report).toMatchObject({ scheduleId, url });
  expect(report).not.toHaveProperty("topicName");
});

/** A tick that became due while no server ran: the next server makes up for it, and nobody waits for New Year. */
async function missTick(scheduleId: string): Promise<void> {
  const { store } = world;
  const [row] = await store.find("schedules", "byId", [[scheduleId]]);
  const set = { dueAt: Date.now() - 1 };
  await store.transaction((transaction) =>
    transaction.write([{ type: "update", table: "schedules", key: row?.key ?? -1, set }]),
  );
  await world.restartServer();
}

/** Fails a run whose failure is reported to `failureUrl`; gives the state of its failure call when that has ended. */
async function report(failureUrl: string): Promise<string | undefined> {
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const runId = await world.trigger({ url, failureUrl, retries: 0, body: { order: "ü" } });
  return until("the end of the failure call", async () => {
    const { failureFunctionState } = await world.deadLetter(runId);
    return failureFunctionState === "CALLBACK_INPROGRESS" ? null : failureFunctionState;
  });
}

const OTHER_KEY = "sig_of_somebody_else_0000000000";

/** Pairs of keys that an app may have, given the server's current one, and whether it can trust the failure call. */
const PAIRS: readonly (readonly [string, (key: string) => Keys, boolean])[] = [
  ["as its current key", (key) => ({ currentSigningKey: key, nextSigningKey: OTHER_KEY }), true],
  ["as its next key", (key) => ({ currentSigningKey: OTHER_KEY, nextSigningKey: key }), true],
  [
    "not at all",
    () => ({ currentSigningKey: OTHER_KEY, nextSigningKey: OTHER_KEY.toUpperCase() }),
    false,
  ],
];

type Keys = Record<"currentSigningKey" | "nextSigningKey", string>;

/** What a handler of the older router is given beside what Node gives. */
interface Parsed extends IncomingMessage {
  readonly body?: unknown;
}
interface Answering extends ServerResponse {
  status(code: number): Answering;
  send(body: string): void;
}
type NodeHandler = (request: Parsed, response: Answering) => unknown;
type WebHandler = (request: Request) => Promise<Response>;

interface StockHelpers {
  verifySignature(handler: NodeHandler, options: Keys & { devMode: boolean }): NodeHandler;
  verifySignatureAppRouter(handler: WebHandler, options: Keys & { devMode: boolean }): WebHandler;
}

/** Loaded by a name that the compiler does not see: these types would bring along those of Next.js, which change what all files know of `process.env`. */
async function stockHelpers(): Promise<StockHelpers> {
  const helpers: unknown = await import(["@upstash/qstash", "nextjs"].join("/"));
  return helpers as StockHelpers; // As its types say.
}

test.each(PAIRS)(
  "S31: the stock check of requests accepts the failure call when the app has the server's key %s",
  async (_name, toKeys, isTrusted) => {
    const reported: unknown[] = [];
    const { verifySignatureAppRouter } = await stockHelpers();
    const handler = verifySignatureAppRouter(
      async (request: Request) => {
        reported.push(await request.json());
        return new Response("noted");
      },
      { ...toKeys(world.server.signingKeys.current), devMode: false },
    );
    const failureUrl = world.app.on("/alarm", async (request) => handler(request));
    const state = await report(failureUrl);
    expect(state).toBe(isTrusted ? "CALLBACK_SUCCESS" : "CALLBACK_FAIL");
    expect(reported).toMatchObject(isTrusted ? [{ status: 500, method: "POST" }] : []);
  },
);

test.each(PAIRS)(
  "S31: the stock check on the raw body does so too: %s",
  async (_name, toKeys, isTrusted) => {
    const reported: unknown[] = [];
    const { verifySignature } = await stockHelpers();
    const handler = verifySignature(
      (request, response) => {
        reported.push(request.body);
        response.status(200).end();
      },
      { ...toKeys(world.server.signingKeys.current), devMode: false },
    );
    const state = await report(await serveOnNode(handler));
    expect(state).toBe(isTrusted ? "CALLBACK_SUCCESS" : "CALLBACK_FAIL");
    expect(reported).toMatchObject(isTrusted ? [{ status: 500, method: "POST" }] : []);
  },
);

/** A server that gives requests to a handler of the older router, with the few methods which that router adds. */
async function serveOnNode(handler: NodeHandler): Promise<string> {
  const server = createServer((request, response) => {
    const answering: Answering = Object.assign(response, {
      status: (code: number) => Object.assign(answering, { statusCode: code }),
      send: (body: string) => void response.end(body),
    });
    Promise.resolve(handler(request, answering)).catch(() => answering.status(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  const { port } = server.address() as AddressInfo; // It listens on a port, not on a pipe.
  return `http://127.0.0.1:${port}/alarm`;
}

test("S31: the signature is about the URL and the exact bytes of the failure call", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  await report(failureUrl);
  const call = await deliveryAt(world, "/alarm");
  const { current, next } = world.server.signingKeys;
  const receiver = new Receiver({ currentSigningKey: current, nextSigningKey: next });
  const signature = call.headers["upstash-signature"] ?? "";
  await receiver.verify({ signature, body: call.body, url: failureUrl });
  const elsewhere = { signature, body: call.body, url: `${failureUrl}/elsewhere` };
  await expect(receiver.verify(elsewhere)).rejects.toThrow(/sub/);
  const changed = { signature, body: `${call.body} `, url: failureUrl };
  await expect(receiver.verify(changed)).rejects.toThrow(/body/);
});

test("S31: without keys the check can be left out", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  expect(await report(failureUrl)).toBe("CALLBACK_SUCCESS");
});
