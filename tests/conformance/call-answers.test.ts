// What `context.call` makes of the answer of a service: every answer is a result, and none fails the run.

import { randomBytes } from "node:crypto";
import type { CallResponse } from "@upstash/workflow";
import { expect, test } from "vitest";
import { expectDeliveries } from "./sdk.ts";
import { callbacksAmong, resultAt, resultOf } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

interface Part {
  readonly status: number;
  readonly body: unknown;
  readonly header: Readonly<Record<string, readonly string[]>>;
}

/** Calls a service that answers with `response`, and gives what the route function sees. */
async function answerTo(response: () => Response): Promise<Part> {
  const url = world.app.on("/service", response);
  const workflow = world.serve(
    "/flow",
    async (context): Promise<CallResponse> => context.call("ask", { url }),
  );
  return resultAt<Part>(world, workflow);
}

test.each([200, 201, 202, 300, 307, 400, 401, 404, 412, 429, 489, 500, 503])(
  "status %i is a result",
  async (status) => {
    const answer = await answerTo(() => new Response("said", { status }));
    expect([answer.status, answer.body]).toEqual([status, "said"]);
    await world.close();
    expect(world.app.at("/service")).toHaveLength(1);
    expectDeliveries(world.app.at("/flow"), 3);
  },
);

test("a redirect is not followed: its status and place are the result", async () => {
  const elsewhere = world.app.on("/elsewhere", () => new Response("there"));
  const answer = await answerTo(
    () => new Response(null, { status: 302, headers: { location: elsewhere } }),
  );
  expect(answer).toMatchObject({ status: 302, header: { Location: [elsewhere] } });
  expect(world.app.at("/elsewhere")).toEqual([]);
});

test("headers have canonical names and lists of values", async () => {
  const headers = new Headers({ "x-one-two": "v", "content-type": "text/plain" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  const { header } = await answerTo(() => new Response("x", { headers }));
  expect(header).toMatchObject({
    "X-One-Two": ["v"],
    "Content-Type": ["text/plain"],
    "Set-Cookie": ["a=1", "b=2"],
  });
});

test.each<[string, () => Response]>([
  ["an empty text", () => new Response("")],
  ["no body", () => new Response(null)],
  ["204", () => new Response(null, { status: 204 })],
])("an answer without content is an empty text: %s", async (_name, response) => {
  expect((await answerTo(response)).body).toBe("");
});

test.each<[string, string, string, unknown]>([
  ["JSON", "application/json", '{"a":["ü漢😀<&>"]}', { a: ["ü漢😀<&>"] }],
  ["JSON with a charset", "application/json; charset=utf-8", "[1]", [1]],
  ["text", "text/plain", 'ü漢😀\u2028\u0000\\"', 'ü漢😀\u2028\u0000\\"'],
  ["text that is no JSON", "application/json", "{oops", "{oops"],
  ["a form", "application/x-www-form-urlencoded", "a=1&b=%C3%BC", "a=1&b=%C3%BC"],
])("%s is read as such", async (_name, type, text, expected) => {
  const { body } = await answerTo(() => new Response(text, { headers: { "content-type": type } }));
  expect(body).toEqual(expected);
});

test("binary content comes back byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const headers = { "content-type": "application/octet-stream" };
  const { body } = await answerTo(() => new Response(bytes, { headers }));
  expect(Buffer.from(String(body), "latin1")).toEqual(Buffer.from(bytes));
});

test("an answer of 5 MiB arrives whole", async () => {
  const text = randomBytes((5 * 1024 * 1024) / 2).toString("hex");
  const url = world.app.on("/service", () => new Response(text));
  const seen: unknown[] = [];
  const workflow = world.serve("/flow", async (context) => {
    const { body } = await context.call("ask", { url });
    await context.run("look", () => seen.push(body === text));
    return "done";
  });
  const runId = await world.trigger({ url: workflow });
  // The logs hold the answer as well: to ask them again and again would cost more than the run.
  await until("a look at the answer", () => seen.length > 0);
  expect(resultOf(await world.succeeded(runId))).toBe("done");
  expect(seen).toEqual([true]);
  const [callback] = callbacksAmong(world.app.at("/flow"));
  expect(callback?.bytes.byteLength).toBeGreaterThan(text.length);
});

test("a request of 1 MiB arrives whole", async () => {
  const text = randomBytes((1024 * 1024) / 2).toString("hex");
  const url = world.app.on("/service", async (request) => {
    return new Response(String((await request.text()) === text));
  });
  const workflow = world.serve("/flow", async (context) => {
    const { body } = await context.call("ask", { url, method: "POST", body: text });
    return body;
  });
  expect(await resultAt(world, workflow)).toBe(true);
});

test("what the service answers is not in the way of what the server says", async () => {
  const headers = {
    "upstash-workflow-sdk-version": "1",
    "upstash-nonretryable-error": "true",
    "retry-after": "3600",
  };
  const answer = await answerTo(() => new Response("no", { status: 500, headers }));
  expect(answer).toMatchObject({ status: 500, header: { "Retry-After": ["3600"] } });
});
