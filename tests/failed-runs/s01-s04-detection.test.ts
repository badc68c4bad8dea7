// What counts as a failed attempt of a run, and what is kept of it.

import type { AttemptResource } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { useWorld, type World } from "../conformance/world.ts";
import { failing, serveBroken } from "./broken.ts";
import { nextOf } from "./next-step.ts";

/** Takes the place of the system's resolver for the name that a test uses. */
const NO_SUCH_NAME = "app.reprise.test";

const world = useWorld({
  surroundings: {
    resolve: async (hostname) => {
      if (hostname !== NO_SUCH_NAME) return [{ address: "127.0.0.1", family: 4 }];
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: "ENOTFOUND" });
    },
  },
});

/** Every attempt of a run without retries, as its dead letter shows them. */
async function attemptsOf(runId: string, of: World = world): Promise<readonly AttemptResource[]> {
  const { attempts } = await of.deadLetter(runId);
  return attempts ?? [];
}

test("S1: a step that throws is a failed attempt with status, headers and body", async () => {
  const runId = await world.trigger({ url: serveBroken(world, "/broken"), retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next).toMatchObject({ state: "STEP_FAILED", stepName: "broken", retries: 0 });
  const [error] = next.errors ?? [];
  expect(error).toMatchObject({ status: 500, error: "500 Internal Server Error" });
  expect(JSON.parse(error?.body ?? "")).toMatchObject({
    error: "Error",
    message: "database is down",
  });
  expect(error?.headers).toMatchObject({
    "Upstash-Workflow-Sdk-Version": ["1"],
    "Upstash-Error-Step-Name": ["broken"],
  });
});

test("S1: every failed attempt of a step is recorded, not only the last one", async () => {
  const url = world.app.on("/worse", (_request, { headers }) => {
    const retried = Number(headers["upstash-retried"]);
    const answer = { status: 500 + retried, headers: { "x-attempt": String(retried) } };
    return new Response(`failure ${retried}`, answer);
  });
  const runId = await world.trigger({ url, retries: 2, retryDelay: "1" });
  expect(await attemptsOf(runId)).toMatchObject(
    [0, 1, 2].map((retried) => ({
      retried,
      responseStatus: 500 + retried,
      responseHeader: { "X-Attempt": [String(retried)] },
      responseBody: `failure ${retried}`,
    })),
  );
});

test("S2: a host name that does not exist fails the attempt with the cause and no status", async () => {
  const url = `http://${NO_SUCH_NAME}:8080/workflow`;
  const runId = await world.trigger({ url, retries: 0 });
  const { errors } = nextOf(await world.failed(runId));
  expect(errors).toMatchObject([{ status: 0, error: expect.stringContaining("ENOTFOUND") }]);
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "dns", responseStatus: 0 }]);
});

test("S2: an app that refuses connections fails the attempt with the cause and no status", async () => {
  const url = serveBroken(world, "/broken");
  await world.app.stop();
  const runId = await world.trigger({ url, retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next.errors?.[0]).toMatchObject({
    status: 0,
    error: expect.stringContaining("ECONNREFUSED"),
  });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "refused", responseStatus: 0 }]);
});

test("S2: a connection that is cut before the answer fails the attempt as reset", async () => {
  const url = world.app.onRaw("/cut", (_request, response) => response.destroy());
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "reset", responseStatus: 0 }]);
});

test("S2: an app that does not speak TLS fails the attempt as tls", async () => {
  const url = world.app.on("/plain", failing(200, {})).replace("http:", "https:");
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "tls", responseStatus: 0 }]);
});

test("S2: an answer that is no HTTP fails the attempt as protocol", async () => {
  const url = world.app.onRaw("/noise", (request) => request.socket.end("this is no HTTP\r\n\r\n"));
  const runId = await world.trigger({ url, retries: 0 });
  expect(await attemptsOf(runId)).toMatchObject([{ cause: "protocol", responseStatus: 0 }]);
});

test("S3: a trigger over REST can set a shorter limit for each attempt", async () => {
  const url = world.app.onRaw("/silent", () => {});
  const headers = { "Upstash-Timeout": "0.1s", "Upstash-Retries": "0" };
  const answer = await world.call("POST", `/v2/trigger/${url}`, { headers });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  expect(await attemptsOf(workflowRunId)).toMatchObject([
    { cause: "timeout", error: "no complete response within 100 ms" },
  ]);
});

test("S3: a platform that gives up with 504 is a failed attempt with that status", async () => {
  const url = world.app.on("/platform", failing(504, {}, "FUNCTION_INVOCATION_TIMEOUT"));
  const runId = await world.trigger({ url, retries: 0 });
  const next = nextOf(await world.failed(runId));
  expect(next.errors).toMatchObject([
    { status: 504, error: "504 Gateway Timeout", body: "FUNCTION_INVOCATION_TIMEOUT" },
  ]);
});

test("S4: the page of a tunnel without a tunnel is kept with its headers and its HTML", async () => {
  const page =
    '<!DOCTYPE html><html><body data-payload="eyJ4IjoxfQ==">ERR_NGROK_3200 ü</body></html>';
  const headers = { "content-type": "text/html", "ngrok-error-code": "ERR_NGROK_3200" };
  const url = world.app.on("/tunnel", failing(404, headers, page));
  const runId = await world.trigger({ url, retries: 0 });
  const [error] = nextOf(await world.failed(runId)).errors ?? [];
  expect(error).toMatchObject({ status: 404, error: "404 Not Found", body: page });
  expect(error?.headers).toMatchObject({
    "Content-Type": ["text/html"],
    "Ngrok-Error-Code": ["ERR_NGROK_3200"],
  });
});

describe("of a server that waits for a moment only", () => {
  const hasty = useWorld({ config: { attemptTimeoutMs: 400 } });

  test("S3: a step that takes longer than the limit fails the attempt as a timeout", async () => {
    const url = hasty.app.onRaw("/silent", () => {});
    const before = performance.now();
    const runId = await hasty.trigger({ url, retries: 0 });
    const next = nextOf(await hasty.failed(runId));
    expect(next.errors?.[0]).toMatchObject({
      status: 0,
      error: "no complete response within 400 ms",
    });
    expect(performance.now() - before).toBeGreaterThanOrEqual(400);
    expect(await attemptsOf(runId, hasty)).toMatchObject([{ cause: "timeout" }]);
  });

  test("S3: a step that takes too long and an app that is not there can be told apart", async () => {
    const silent = hasty.app.onRaw("/silent", () => {});
    const late = await hasty.trigger({ url: silent, retries: 0 });
    const slow = await attemptsOf(late, hasty);
    const url = `${world.app.url}/gone`;
    await world.app.stop();
    // A busy machine may take longer over the refusal than the hasty server waits.
    const gone = await attemptsOf(await world.trigger({ url, retries: 0 }));
    const causes = [...slow, ...gone].map(({ cause }) => cause);
    expect(causes).toEqual(["timeout", "refused"]);
  });
});

test("S4: a page that is no UTF-8 is kept byte for byte", async () => {
  const page = Buffer.from("<html>t\u00fcr zu</html>", "latin1");
  const headers = { "content-type": "text/html; charset=iso-8859-1" };
  const url = world.app.on("/proxy", () => new Response(page, { status: 404, headers }));
  const entry = await world.deadLetter(await world.trigger({ url, retries: 0 }));
  expect(entry).toMatchObject({
    responseStatus: 404,
    responseHeader: { "Content-Type": ["text/html; charset=iso-8859-1"] },
    responseBodyBase64: page.toString("base64"),
  });
});

test("S4: a redirect is not followed and fails the attempt", async () => {
  const elsewhere = world.app.on("/elsewhere", failing(200, {}));
  const url = world.app.on("/moved", failing(307, { location: elsewhere }));
  const runId = await world.trigger({ url, retries: 0 });
  expect(nextOf(await world.failed(runId)).errors).toMatchObject([{ status: 307 }]);
  expect(world.app.at("/elsewhere")).toEqual([]);
});
