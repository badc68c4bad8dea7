// Secrets of every kind, in everything that keeps them: no answer, error or line of the log tells them.

import { expect, test } from "vitest";
import { deadMessageOf, deliveryAt, idOf, logUntil } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const tokenOf = (Password: string): string => btoa(JSON.stringify({ UserID: "canary", Password }));

/** What must not be told. Tokens are base64, so the test looks for their text and for what is in it. */
const TOKENS = {
  full: tokenOf("canary-full-71c5d1b24a19"),
  reader: tokenOf("canary-reader-0f5a7be1d3"),
  app: tokenOf("canary-app-5b9b01dd07e6"),
};
const KEYS = { current: "sig_canary_current_1f0c9a52d7", next: "sig_canary_next_84be66a0e35d" };
const BODY = "canary-body-62d0c4";
const NAMED = "canary-named-header-9ab31e";
const ANY = "canary-any-header-c07f58";
const STEP = "canary-step-result-55aa10";
const GUESS = "canary-guess-d2f2c1";

const lines: string[] = [];
const world = useWorld({
  config: {
    token: TOKENS.full,
    readOnlyToken: TOKENS.reader,
    publishToken: TOKENS.app,
    signingKeys: KEYS,
    logLevel: "debug",
  },
  surroundings: { writeLine: (line) => void lines.push(line) },
});

/** Both forms in which answers carry bytes, and the one in which a token arrives. */
const SECRETS: readonly string[] = [
  ...[BODY, NAMED, ANY, STEP, GUESS, ...Object.values(KEYS), ...Object.values(TOKENS)].flatMap(
    (secret) => [secret, ...base64Cores(secret)],
  ),
  ...Object.values(TOKENS).map((token) => atob(token)),
];

/** What all base64 texts have in common that hold `secret` at some place. */
function base64Cores(secret: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const bytes = Buffer.from("\0".repeat(shift) + secret);
    return bytes.toString("base64").slice(4, -4);
  });
}

function expectSilent(where: string, text: string): void {
  const told = SECRETS.filter((secret) => text.includes(secret));
  expect({ where, told }).toEqual({ where, told: [] });
}

/** Everything that a message may hide, under every option that hides it. */
const HIDING = {
  "upstash-redact-fields": "body, header[X-Named], headers[Authorization]",
  "upstash-forward-x-named": NAMED,
  "upstash-forward-authorization": NAMED,
  "content-type": "text/plain",
};
const HIDING_ALL = {
  "upstash-redact-fields": "body,header",
  "upstash-forward-x-any": ANY,
  "upstash-callback-forward-x-any": ANY,
  "upstash-failure-callback-forward-x-any": ANY,
};

async function send(path: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const answer = await world.call("POST", path, { headers, body: BODY });
  expect(answer.status, answer.text).toBeLessThan(300);
  expectSilent(`POST ${path}`, answer.text);
  return answer.json;
}

/** A failed message with its callbacks, whose deliveries fail as well. */
async function failAll(): Promise<readonly string[]> {
  const url = world.app.on("/broken", () => new Response("no", { status: 500 }));
  const report = world.app.on("/report", () => new Response("no", { status: 500 }));
  const settings = {
    "upstash-retries": "1",
    "upstash-retry-delay": "0",
    "upstash-callback": report,
    "upstash-callback-retries": "0",
    "upstash-failure-callback": report,
    "upstash-failure-callback-retries": "0",
    "upstash-queue-name": "line",
    "upstash-label": "label",
  };
  const id = idOf(await send(`/v2/publish/${url}`, { ...settings, ...HIDING_ALL }));
  await deadMessageOf(world, id);
  // Two attempts, each with its callback, and the failure callback.
  const reports = await until("the reports", () => {
    const received = world.app.at("/report");
    return received.length === 3 && received;
  });
  const ids = [id];
  for (const { headers, body } of reports) {
    expect(JSON.parse(body).sourceBody).toBe(btoa(BODY));
    const reportId = headers["upstash-message-id"] ?? "";
    await deadMessageOf(world, reportId);
    ids.push(reportId);
  }
  return ids;
}

/** Messages in every state, with what stands around them. */
async function fill(): Promise<readonly string[]> {
  const ok = world.app.on("/ok", () => new Response("fine"));
  const delivered = idOf(await send(`/v2/publish/${ok}`, HIDING));
  await logUntil(world, delivered, "DELIVERED");
  expect((await deliveryAt(world, "/ok")).body).toBe(BODY);
  const far = { "upstash-delay": "1d", "upstash-flow-control-key": "key" };
  const delayed = { ...far, "upstash-flow-control-value": "rate=1" };
  const waiting = idOf(await send(`/v2/publish/${ok}`, { ...HIDING, ...delayed }));
  const canceled = idOf(await send(`/v2/enqueue/line/${ok}`, { ...HIDING_ALL, ...delayed }));
  await world.call("DELETE", `/v2/messages/${canceled}`);
  await world.call("POST", "/v2/topics/group/endpoints", {
    body: JSON.stringify({ endpoints: [{ name: "one", url: ok }] }),
  });
  await world.call("PATCH", "/v2/topics/group", { body: JSON.stringify({ headers: HIDING }) });
  await send("/v2/publish/group", { "upstash-delay": "1d" });
  await send(`/v2/schedules/${ok}`, {
    ...HIDING_ALL,
    "upstash-callback": ok,
    "upstash-cron": "0 0 1 1 *",
    "upstash-schedule-id": "yearly",
  });
  await send("/v2/schedules/group", { "upstash-cron": "0 0 1 1 *" });
  return [delivered, waiting, canceled, ...(await failAll())];
}

/** A run whose payload, headers and results are hidden, and which fails. */
async function failRun(): Promise<string> {
  const url = world.serve(
    "/flow",
    async (context) => {
      const secret = await context.run("make", () => STEP);
      await context.run("fail", () => {
        throw new Error(`failed with ${secret}`);
      });
    },
    { failureFunction: () => "noted" },
  );
  const redact = { body: true, header: true } as const;
  const runId = await world.trigger({ url, body: BODY, headers: { any: ANY }, retries: 0, redact });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  return runId;
}

/** The ids in the lists, which the single reads take. */
async function idsAt(path: string, list: string, id: string): Promise<readonly string[]> {
  const { json } = await world.call("GET", path);
  // The shape is what the tests of the list check.
  const items = list === "" ? json : (json as Record<string, unknown>)[list];
  // As above.
  return (items as readonly Record<string, string>[]).map((item) => item[id] ?? "");
}

async function readable(messageIds: readonly string[]): Promise<readonly string[]> {
  const below = async (path: string, list: string, id: string) =>
    (await idsAt(path, list, id)).map((name) => `${path}/${name}`);
  const lists = ["messages", "dlq", "schedules", "topics", "queues", "flowControl", "bulkActions"];
  return [
    ...lists.map((name) => `/v2/${name}`),
    ...messageIds.map((id) => `/v2/messages/${id}`),
    ...(await below("/v2/dlq", "messages", "dlqId")),
    ...(await below("/v2/schedules", "", "scheduleId")),
    ...(await below("/v2/bulkActions", "bulkActions", "actionId")),
    "/v2/topics/group",
    "/v2/queues/line",
    "/v2/flowControl/key",
    "/v2/globalParallelism",
    "/v2/tokens",
    ...["/v2/events", "/v2/logs", "/v2/logs?groupBy=messageId"],
    ...["/v2/workflows/logs", "/v2/workflows/events", "/v2/workflows/dlq"],
    ...(await below("/v2/workflows/dlq", "messages", "dlqId")),
    ...["/livez", "/startupz", "/readyz", "/metrics"],
  ];
}

test("what is hidden, tokens and signing keys are in no answer and no line of the log", async () => {
  lines.length = 0;
  const messageIds = await fill();
  await failRun();
  await world.call("DELETE", "/v2/messages?label=none&async=true");
  const created = await world.call("POST", "/v2/tokens", {
    body: JSON.stringify({ name: "made", scope: "read-only" }),
  });
  const paths = await readable(messageIds);
  for (const token of [TOKENS.full, TOKENS.reader]) {
    for (const path of paths) {
      const answer = await world.call("GET", path, { token });
      const isAllowed = token === TOKENS.full || path !== "/v2/tokens";
      expect([path, answer.status]).toEqual([path, isAllowed ? 200 : 403]);
      expectSilent(`GET ${path}`, answer.text);
    }
  }
  // Proof that the reads have found what was hidden.
  const events = await world.call("GET", "/v2/events");
  // The shape is what the tests of the log check.
  const bodies = (events.json as { readonly events: { readonly body?: string }[] }).events;
  expect(bodies.some(({ body }) => atob(body ?? "").startsWith("REDACTED:"))).toBe(true);
  await world.close();
  // The shape is what the tests of tokens check.
  const { token } = created.json as { readonly token: string };
  for (const line of lines) expectSilent("the log", line);
  expect(lines.join("\n")).not.toContain(token);
  expect(lines.join("\n")).toContain("token_created");
  // Proof that the log has every change of a state.
  for (const event of ["attempt_ended", "message_made", "message_dead", "run_ended"]) {
    expect(lines.join("\n")).toContain(`"event":"${event}"`);
  }
});

test("a retry of what failed brings the original, and tells it as little", async () => {
  lines.length = 0;
  const [first = ""] = await failAll();
  const { dlqId } = await deadMessageOf(world, first);
  world.app.on("/broken", () => new Response("fine"));
  const answer = await world.call("POST", `/v2/dlq/retry/${dlqId}`);
  const retried = idOf(answer.json);
  await logUntil(world, retried, "DELIVERED");
  const delivery = await deliveryAt(world, "/broken", 2);
  expect([delivery.body, delivery.headers["x-any"]]).toEqual([BODY, ANY]);
  for (const path of [`/v2/messages/${retried}`, `/v2/events?messageId=${retried}`]) {
    expectSilent(path, (await world.call("GET", path)).text);
  }
  for (const line of lines) expectSilent("the log", line);
});

test("refusals do not repeat what they refuse when it is a secret", async () => {
  lines.length = 0;
  const far = { "upstash-delay": "1d" };
  const calls: readonly (readonly [string, string, object])[] = [
    ["GET", "/v2/keys", { token: tokenOf(GUESS) }],
    ["GET", "/v2/keys", { token: GUESS }],
    ["GET", `/v2/keys?qstash_token=${GUESS}`, { token: null }],
    ["GET", `/v2/keys?qstash_token=${TOKENS.full}`, { token: GUESS }],
    ["GET", "/v2/keys", { token: null, headers: { authorization: `Basic ${btoa(GUESS)}` } }],
    ["POST", `/v2/publish/nobody?qstash_token=${TOKENS.full}`, {}],
    ["POST", `/v2/publish/https://user:${GUESS}@example.com`, { headers: far }],
    ["POST", `/v2/publish/ftp://example.com?key=${GUESS}`, { headers: far }],
    ["POST", "/v2/publish/https://example.com", { headers: { ...HIDING, "upstash-delay": "x" } }],
    ["POST", "/v2/batch", { body: JSON.stringify([{ destination: "no url", body: BODY }]) }],
    ["POST", "/v2/batch", { body: `[{"body":"${BODY}"` }],
    ["GET", "/v2/keys", { token: TOKENS.reader }],
    ["POST", "/v2/queues", { token: TOKENS.app, body: `{"queueName":"${BODY}"}` }],
  ];
  for (const [method, path, options] of calls) {
    const answer = await world.call(method, path, options);
    expect([method, path, answer.status >= 400]).toEqual([method, path, true]);
    expectSilent(`${method} ${path}`, answer.text);
  }
  await world.close();
  for (const line of lines) expectSilent("the log", line);
});
