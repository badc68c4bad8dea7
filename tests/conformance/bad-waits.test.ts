// Steps that others complete, asked for in the wrong way: refused by name, never with the 400 that means "your run has ended".

import { expect, test } from "vitest";
import { sendRaw } from "./raw-http.ts";
import { type Case, expectRefusals, LIVE, urlOf, useQuietWorld } from "./refusals.ts";
import type { CallOptions } from "./world.ts";

const world = useQuietWorld();

const LONG = "e".repeat(1_025);

/** The headers with which a running workflow submits something. */
const fromRun = (runId: string) => ({
  "upstash-workflow-init": "false",
  "upstash-workflow-runid": runId,
});

type Fields = Readonly<Record<string, unknown>>;

const stepOf = (stepType: string, fields: Fields = {}): Fields => ({
  ...{ stepId: 3, stepName: "it", stepType, concurrent: 1 },
  ...fields,
});

test("a wait that cannot be registered fails its run visibly", async () => {
  const good = { url: urlOf(world), timeout: "1h", step: stepOf("Wait") };
  const wait = (names: RegExp, fields: Fields = {}, rest: Partial<Case> = {}): Case => {
    const options = { headers: fromRun(LIVE), body: JSON.stringify({ ...good, ...fields }) };
    return { path: "/v2/wait/event", options, status: 412, names, ...rest };
  };
  const raw = (body: string): CallOptions => ({ headers: fromRun(LIVE), body });
  const away = (runId: string) => ({
    options: { headers: fromRun(runId), body: JSON.stringify(good) },
    status: 400,
  });
  await expectRefusals(world, {
    "no JSON": wait(/body of a wait.*JSON/, {}, { options: raw("{") }),
    nothing: wait(/JSON/, {}, { options: raw("") }),
    "a list": wait(/JSON object/, {}, { options: raw("[]") }),
    "no run": wait(/Upstash-Workflow-Run[Ii]d/, {}, { options: { body: JSON.stringify(good) } }),
    "no URL": wait(/url must be a URL/, { url: undefined }),
    "a URL that is a number": wait(/url must be a URL/, { url: 7 }),
    "a URL of another kind": wait(/url/, { url: "ftp://a.test/x" }),
    "a URL for the timeout of another kind": wait(/timeoutUrl/, { timeoutUrl: "x" }),
    "a timeout that is an object": wait(/timeout of a wait/, { timeout: {} }),
    "a timeout that is no duration": wait(/timeout/, { timeout: "soon" }),
    "a negative timeout": wait(/timeout/, { timeout: -1 }),
    "a timeout that is too long": wait(/maxDelay.*a wait may last/, { timeout: "2y" }),
    "headers that are a list": wait(/timeoutHeaders/, { timeoutHeaders: [] }),
    "a header that is a number": wait(/header "a"/, { timeoutHeaders: { a: [1] } }),
    "a header that cannot be sent": wait(/header x|control/, {
      timeoutHeaders: { "Upstash-Forward-X": ["a\r\nb"] },
    }),
    "a setting that is wrong": wait(/Upstash-Retries/, {
      timeoutHeaders: { "Upstash-Retries": ["many"] },
    }),
    "too many retries": wait(/maxRetries/, { timeoutHeaders: { "Upstash-Retries": ["1000000"] } }),
    "no step": wait(/step/, { step: undefined }),
    "a step without an id": wait(/stepId/, { step: stepOf("Wait", { stepId: 0 }) }),
    "a plan": wait(/stepId/, { step: stepOf("Wait", { stepId: 0, targetStep: 3 }) }),
    "a step of no kind": wait(/stepType/, { step: stepOf("Nap") }),
    "a step far ahead": wait(/step 99 does not continue/, {
      step: stepOf("Wait", { stepId: 99 }),
    }),
    "a branch without a plan": wait(/does not continue/, {
      step: stepOf("Wait", { concurrent: 2 }),
    }),
    "no event": wait(/event id|no body/, {}, { path: "/v2/wait/" }),
    "no event but a query": wait(/event id|no body/, {}, { path: "/v2/wait?event" }),
    "an event id that is too long": wait(/1 to 1024 characters/, {}, { path: `/v2/wait/${LONG}` }),
    "an event id that is no text": wait(/percent-encoded/, {}, { path: "/v2/wait/%ff" }),
    "an event id with a control character": wait(/control/, {}, { path: "/v2/wait/a%00b" }),
    "a run that nobody knows": wait(/ended or does not exist/, {}, away("wfr_unknown")),
    "a run that has ended": wait(/has ended/, {}, away("wfr_finish")),
  });
});

test("a notification that cannot be sent does not tell a workflow that it has ended", async () => {
  const notify = (path: string, names: RegExp): Case => ({ path, status: 412, names });
  await expectRefusals(world, {
    "no event": notify("/v2/notify/", /event id/),
    "no event but a query": notify("/v2/notify?event", /event id|body|nothing at/),
    "an event id that is too long": notify(`/v2/notify/${LONG}`, /1 to 1024 characters/),
    "one that is no text": notify("/v2/notify/%ff", /percent-encoded/),
    "settings of a message": {
      ...notify("/v2/notify/event", /Upstash-Method/i),
      options: { headers: { "upstash-method": "GET" } },
    },
  });
  const waiters = { method: "GET", status: 400, names: /event id/ };
  await expectRefusals(world, {
    "waiters for no event": { ...waiters, path: "/v2/waiters/" },
    "waiters for a query": { ...waiters, path: "/v2/waiters?event" },
    "waiters for too long an event": { ...waiters, path: `/v2/waiters/${LONG}` },
  });
});

test("an invoke that cannot be done fails its parent visibly", async () => {
  const url = urlOf(world);
  const good = { workflowRunId: LIVE, workflowUrl: url, headers: {}, step: stepOf("Invoke") };
  const child = {
    "upstash-workflow-init": "true",
    "upstash-workflow-invoke": "true",
    "upstash-workflow-runid": "wfr_child",
    "upstash-workflow-url": url,
  };
  type Texts = Readonly<Record<string, string>>;
  const invoke = (names: RegExp, fields: Fields = {}, headers: Texts = {}): Case => ({
    path: `/v2/publish/${url}`,
    options: {
      headers: { ...child, ...headers },
      body: JSON.stringify({ ...good, ...fields }),
    },
    status: 412,
    names,
  });
  await expectRefusals(world, {
    "no JSON": { ...invoke(/x/), options: { headers: child, body: "{" }, names: /JSON/ },
    "a text": { ...invoke(/x/), options: { headers: child, body: '"a"' }, names: /JSON object/ },
    "a payload that is an object": invoke(/body of an invoke/, { body: {} }),
    "no run that waits": invoke(/workflowRunId of an invoke/, { workflowRunId: 1 }),
    "an id that no run has": invoke(/run id/, { workflowRunId: "a/b" }),
    "headers that are a text": invoke(/headers must be an object/, { headers: "x" }),
    "no URL to answer to": invoke(/workflowUrl/, { workflowUrl: null }),
    "no step": invoke(/step/, { step: null }),
    "a step far ahead": invoke(/does not continue/, { step: stepOf("Invoke", { stepId: 9 }) }),
    "too deep": invoke(
      /100 levels deep/,
      {},
      { "upstash-forward-upstash-workflow-invoke-count": "101" },
    ),
    "no depth": invoke(/levels deep/, {}, { "upstash-forward-upstash-workflow-invoke-count": "x" }),
    "a child that is alive": invoke(/is alive/, {}, { "upstash-workflow-runid": LIVE }),
    "a setting that is wrong": invoke(/Upstash-Retries/, {}, { "upstash-retries": "x" }),
    "a parent that nobody knows": {
      ...invoke(/has ended/, { workflowRunId: "wfr_x" }),
      status: 400,
    },
    "a parent that has failed": {
      ...invoke(/has ended/, { workflowRunId: "wfr_fail" }),
      status: 400,
    },
  });
});

test("a call that cannot be made fails its run visibly, and nothing else of its batch is taken", async () => {
  const url = urlOf(world);
  const back = "upstash-callback-forward-upstash-workflow-";
  const headers = {
    ...fromRun(LIVE),
    "upstash-workflow-calltype": "toCallback",
    "upstash-callback": url,
    [`${back}stepid`]: "3",
    [`${back}stepname`]: "it",
    [`${back}steptype`]: "Call",
    [`${back}concurrent`]: "1",
  };
  const call = (names: RegExp, changed: Readonly<Record<string, string | null>>): Case => ({
    path: "/v2/batch",
    options: {
      body: JSON.stringify([
        { destination: `${url}-1`, headers },
        { destination: `${url}-2`, headers: { ...headers, ...changed } },
      ]),
    },
    status: 412,
    names,
  });
  await expectRefusals(world, {
    "no URL for the answer": call(/item 1.*Upstash-Callback/, { "upstash-callback": null }),
    "a URL of another kind": call(/Upstash-Callback/, { "upstash-callback": "ftp://a.test" }),
    "no step": call(/stepId/, { [`${back}stepid`]: null }),
    "a step that is no number": call(/stepId/, { [`${back}stepid`]: "x" }),
    "a step of no group": call(/concurrent/, { [`${back}concurrent`]: "0" }),
    "no run": call(/Upstash-Workflow-Run[Ii]d/, { "upstash-workflow-runid": null }),
    "too many retries": call(/maxRetries/, { "upstash-retries": "1000000" }),
    "a delay that is none": call(/Upstash-Delay/, { "upstash-delay": "soon" }),
    "a timeout that is none": call(/Upstash-Timeout/, { "upstash-timeout": "0" }),
    "a wrong setting of the answer": call(/Upstash-Retries/, { "upstash-callback-retries": "x" }),
    "a run that has ended": {
      ...call(/has ended/, { "upstash-workflow-runid": "wfr_finish" }),
      status: 400,
    },
  });
});

test("a nudge is for stuck runs, and a webhook for runs that are open", async () => {
  const nudge = (runId: string, status: number, names: RegExp): Case => {
    return { path: `/v2/workflows/runs/${runId}/nudge`, status, names };
  };
  const hook = (runId: string): Case => {
    const path = `/v2/workflows/hooks/u/${runId}/evt_1`;
    return { path, options: { token: null, body: "x" }, status: 404, names: /no such webhook/ };
  };
  await expectRefusals(world, {
    "a run that sleeps": nudge(LIVE, 409, /is not stuck/),
    "a run that has ended": nudge("wfr_finish", 404, /no live workflow run/),
    "a run that nobody knows": nudge("wfr_x", 404, /no live workflow run/),
    "an id that no run has": nudge("a%20b", 400, /run id/),
    "a nudge with a body": { ...nudge(LIVE, 400, /takes no body/), options: { body: "x" } },
    "a webhook of nobody": hook("wfr_x"),
    "a webhook of a run that has ended": hook("wfr_finish"),
    "a webhook of an id that no run has": hook("%00"),
    "a webhook without an event": {
      ...hook(LIVE),
      path: `/v2/workflows/hooks/u/${LIVE}`,
      status: 401,
      names: /token/,
    },
  });
});

test("a webhook takes no method that no step could read, as its run would fail for ever", async () => {
  const host = `127.0.0.1:${world.server.port}`;
  const call = (method: string) =>
    sendRaw(
      world.server.port,
      `${method} /v2/workflows/hooks/u/${LIVE}/evt_1 HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`,
    );
  const refused = await call("TRACE");
  expect([refused.status, refused.headers.get("allow")]).toEqual([
    405,
    expect.stringMatching(/GET, POST/),
  ]);
  expect(await world.store.count("events", [])).toBe(0);
  expect((await call("PURGE")).status).toBe(200);
  expect(await world.store.count("events", [])).toBe(1);
});
