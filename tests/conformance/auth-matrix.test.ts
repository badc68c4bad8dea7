// Every endpoint with every method and every kind of token in every place: who may do what, and that a refused request changes nothing.

import { expect, test } from "vitest";
import { readRows } from "./snapshot.ts";
import { useWorld } from "./world.ts";

const tokenOf = (UserID: string): string =>
  btoa(JSON.stringify({ UserID, Password: "a secret that is long enough" }));

const READER = tokenOf("reader");
const APP = tokenOf("app");
const WRONG = tokenOf("nobody");

const world = useWorld({
  config: { readOnlyToken: READER, publishToken: APP, authFailuresMax: 1_000_000 },
});

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** A destination that nobody listens at. */
const NOWHERE = "http://127.0.0.1:9/x";

const PATHS: readonly string[] = [
  `/v2/publish/${NOWHERE}`,
  "/v2/publish/group",
  `/v2/enqueue/orders/${NOWHERE}`,
  "/v2/batch",
  "/v2/batch/trigger",
  `/v2/trigger/${NOWHERE}`,
  "/v2/notify/event",
  "/v2/notify/wfr_a/event",
  "/v2/wait/event",
  "/v2/waiters/event",
  "/v2/messages",
  "/v2/messages/msg_1",
  "/v2/messages/msg_1/retry",
  "/v2/audit",
  "/v2/settings",
  "/v2/bulkActions",
  "/v2/bulkActions/1",
  "/v2/queues",
  "/v2/queues/orders",
  "/v2/queues/orders/pause",
  "/v2/queues/orders/resume",
  `/v2/schedules/${NOWHERE}`,
  "/v2/schedules",
  "/v2/schedules/scd_a",
  "/v2/schedules/scd_a/pause",
  "/v2/schedules/scd_a/resume",
  "/v2/topics",
  "/v2/topics/group",
  "/v2/topics/group/endpoints",
  "/v2/dlq",
  "/v2/dlq/1-1",
  "/v2/dlq/retry",
  "/v2/dlq/retry/1-1",
  "/v2/flowControl",
  "/v2/flowControl/a%20key/with/slashes",
  "/v2/flowControl/key/pause",
  "/v2/flowControl/key/pin?rate=1",
  "/v2/flowControl/key/resetRate",
  "/v2/globalParallelism",
  "/v2/keys",
  "/v2/keys/",
  "/v2/Keys",
  "/v2/keys/rotate",
  "/v2/tokens",
  "/v2/tokens/start",
  "/v2/logs",
  "/v2/events",
  "/v2/workflows/logs",
  "/v2/workflows/events",
  "/v2/workflows/dlq",
  "/v2/workflows/dlq/1-1",
  "/v2/workflows/dlq/resume",
  "/v2/workflows/dlq/restart/1-1",
  "/v2/workflows/dlq/hold",
  "/v2/workflows/dlq/release/1-1",
  "/v2/dlq/hold/1-1",
  "/v2/dlq/release",
  "/v2/workflows/dlq/callback/1-1",
  "/v2/workflows/runs",
  "/v2/workflows/runs/wfr_a",
  "/v2/workflows/runs/wfr_a?cancel=false",
  "/v2/workflows/runs/wfr_a?cancel=true",
  "/v2/workflows/runs/wfr_a/nudge",
  // Only the whole URL of a webhook does without a token.
  "/v2/workflows/hooks/user/wfr_a",
  "/v2/workflows/hooks/user/wfr_a/evt_1/",
  "/v2/nothing",
  "/v2/",
];

/** Thousands of requests, one after the other. */
const MS_MAX = 600_000;

interface Call {
  readonly method: string;
  readonly path: string;
}

const CALLS: readonly Call[] = PATHS.flatMap((path) => METHODS.map((method) => ({ method, path })));

/** Independent of the table of the server: what docs/tokens.md says. */
const SENDS =
  /^POST \/v2\/(publish\/.|enqueue\/.|trigger\/.|notify\/.|wait\/.|batch$|batch\/trigger$)/;
const CARRIES_ON = /^(GET|DELETE) \/v2\/workflows\/runs\/wfr_a(?:\?|$)/;

function mayApp({ method, path }: Call): boolean {
  const line = `${method} ${path}`;
  if (SENDS.test(line)) return true;
  return CARRIES_ON.test(line) && (method === "GET" || path.endsWith("cancel=false"));
}

function mayReader({ method, path }: Call): boolean {
  return method === "GET" && !/^\/v2\/(keys|tokens)\/?$/i.test(path);
}

/** The same token in every place where one may stand. */
const PLACES = ["header", "query", "both"] as const;

interface Tokens {
  readonly inHeader?: string;
  readonly inQuery?: string;
}

function placed(token: string, place: (typeof PLACES)[number]): Tokens {
  return {
    ...(place === "query" ? {} : { inHeader: `Bearer ${token}` }),
    ...(place === "header" ? {} : { inQuery: token }),
  };
}

async function send({ method, path }: Call, { inHeader, inQuery }: Tokens): Promise<number> {
  const query =
    inQuery === undefined
      ? ""
      : `${path.includes("?") ? "&" : "?"}qstash_token=${encodeURIComponent(inQuery)}`;
  const headers = inHeader === undefined ? {} : { authorization: inHeader };
  const answer = await world.call(method, path + query, { token: null, headers });
  if (answer.status === 401 || answer.status === 403) {
    expect(answer.json).toEqual({
      error: expect.any(String),
      code: answer.status === 401 ? "unauthorized" : "forbidden",
    });
  }
  return answer.status;
}

/** Sends all calls with these tokens; each has to be refused so, and nothing may be written meanwhile. */
async function expectRefused(
  calls: readonly Call[],
  tokens: Tokens,
  status: 401 | 403,
): Promise<void> {
  const { rowsWritten } = world.store.counters;
  for (const call of calls) {
    expect([call, tokens, await send(call, tokens)]).toEqual([call, tokens, status]);
  }
  expect(world.store.counters.rowsWritten).toBe(rowsWritten);
}

test(
  "without a good token nothing is answered and nothing changes",
  async () => {
    const { token } = world;
    const before = await readRows(world.store);
    const kinds: readonly Tokens[] = [
      {},
      { inHeader: "" },
      { inHeader: "Bearer" },
      { inHeader: `Basic ${token}` },
      ...PLACES.map((place) => placed(WRONG, place)),
      { inQuery: "" },
      { inHeader: `Bearer ${token}`, inQuery: APP },
      { inHeader: `Bearer ${APP}`, inQuery: token },
      { inHeader: `Bearer ${token}`, inQuery: WRONG },
    ];
    for (const tokens of kinds) await expectRefused(CALLS, tokens, 401);
    expect(await readRows(world.store)).toEqual(before);
  },
  MS_MAX,
);

test(
  "a token that may not is refused wherever it stands, and changes nothing",
  async () => {
    const before = await readRows(world.store);
    for (const place of PLACES) {
      await expectRefused(
        CALLS.filter((call) => !mayReader(call) && !isSharedRead(call)),
        placed(READER, place),
        403,
      );
      await expectRefused(
        CALLS.filter((call) => !mayApp(call)),
        placed(APP, place),
        403,
      );
    }
    expect(await readRows(world.store)).toEqual(before);
  },
  MS_MAX,
);

/** Both the app that runs a workflow and a reader look at the steps of a run. */
function isSharedRead({ method, path }: Call): boolean {
  return method === "GET" && path.startsWith("/v2/workflows/runs/wfr_a");
}

test(
  "a token that may is not refused, wherever it stands",
  async () => {
    for (const place of PLACES) {
      for (const [token, calls] of [
        [READER, CALLS.filter(mayReader)],
        [APP, CALLS.filter(mayApp)],
        [world.token, CALLS],
      ] as const) {
        for (const call of calls) {
          const status = await send(call, placed(token, place));
          expect([call, token, status]).not.toEqual([call, token, 401]);
          expect([call, token, status]).not.toEqual([call, token, 403]);
          expect([call, token, status < 500]).toEqual([call, token, true]);
        }
      }
    }
  },
  MS_MAX,
);
