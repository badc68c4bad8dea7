import { serve, type WorkflowContext } from "@upstash/workflow";
import type { Shop } from "./shop.ts";

/** Hostile texts in the fields that apps and callers fill, one or two of a kind in each. */

const RUN = "alert(1)";
/** Runs where a text becomes markup, and loads where it becomes an address. */
export const MARKUP = `"><img src=//evil.invalid/x onerror=${RUN}><svg/onload=${RUN}>`;
const SCRIPT_URL = `javascript:${RUN}`;
/** Turns the line around, hides letters, and looks like something else. */
export const TURNED = "pay\u202eexe.txt\u2066\u200b\u00adme\ufeff";
/** Wider than any column. */
const WIDE = "W".repeat(2_000);
/** Whatever could be taken for a part of an object. */
const PROTO = "__proto__";

export const HOSTILE = [MARKUP, SCRIPT_URL, TURNED, WIDE, PROTO, "constructor"] as const;

/** Everything in a page that asks for something elsewhere, or leads there. */
export const LEAKING_PAGE = `<!doctype html><html manifest=//evil.invalid/m><head>
<meta http-equiv=refresh content="0;url=https://evil.invalid/r">
<meta http-equiv=Content-Security-Policy content="default-src *; report-uri https://evil.invalid/c">
<base href="https://evil.invalid/b/" target=_top>
${[
  "stylesheet",
  "prefetch",
  "dns-prefetch",
  "preconnect",
  "preload",
  "prerender",
  "modulepreload",
  "icon",
  "manifest",
]
  .map((rel) => `<link rel="${rel}" href="https://evil.invalid/${rel}" as=script>`)
  .join("\n")}
<style>@import "https://evil.invalid/i.css"; body{background:url(https://evil.invalid/u)} @font-face{font-family:x;src:url(https://evil.invalid/f)} p{font-family:x}</style>
<script src=https://evil.invalid/s.js></script><script>parent.${RUN};fetch("https://evil.invalid/q")</script>
</head><body background=https://evil.invalid/bg style="background:url(https://evil.invalid/st)" onload=${RUN}>
<p>words that stay</p>
<img src=https://evil.invalid/1 srcset="https://evil.invalid/2 2x"><picture><source srcset=https://evil.invalid/3><img></picture>
<video src=https://evil.invalid/4 poster=https://evil.invalid/5 autoplay></video><audio src=https://evil.invalid/6 autoplay></audio><track src=https://evil.invalid/7>
<input type=image src=https://evil.invalid/8><object data=https://evil.invalid/9></object><embed src=https://evil.invalid/10><applet code=https://evil.invalid/11></applet>
<iframe src=https://evil.invalid/12></iframe><iframe srcdoc="<img src=https://evil.invalid/13 onerror=parent.${RUN}>"></iframe><frameset><frame src=https://evil.invalid/14></frameset>
<svg><image href=https://evil.invalid/15 xlink:href=https://evil.invalid/16 /><use href=https://evil.invalid/17#x /><feImage href=https://evil.invalid/18 /><style>*{fill:url(https://evil.invalid/19)}</style><a href="${SCRIPT_URL}"><text>t</text></a></svg>
<math><mtext><img src=https://evil.invalid/20 onerror=${RUN}></mtext></math>
<template shadowrootmode=open><img src=https://evil.invalid/21 onerror=${RUN}></template>
<form action=https://evil.invalid/22 target=_top><input autofocus onfocus=${RUN}><button formaction="${SCRIPT_URL}">b</button></form>
<a href=https://evil.invalid/23 ping=https://evil.invalid/24 target=_top autofocus tabindex=0 onfocus=${RUN}>a link</a>
<table background=https://evil.invalid/25><tr><td background=https://evil.invalid/26>c</td></tr></table>
<portal src=https://evil.invalid/27></portal><fencedframe src=https://evil.invalid/28></fencedframe></body></html>`;

const DEPTH = 10_000;
export const TREES = {
  proto: `{"${PROTO}":{"isAdmin":true},"constructor":{"prototype":{"x":1}},"toString":"${"x"}"}`,
  deep: `${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}`,
  numbers:
    '{"id":12345678901234567890123,"tiny":0.12345678901234567890,"huge":1e400,"exact":9007199254740993,"one":1.0000000000000000001}',
  surrogate: '{"lone":"\\ud800","nul":"a\\u0000b"}',
} as const;

export interface HostileWorld {
  readonly runIds: readonly string[];
  readonly messageIds: readonly string[];
  /** Kinds of fields whose text the server took as it was. */
  readonly taken: readonly string[];
}

export async function fillHostile(shop: Shop): Promise<HostileWorld> {
  const taken = new Set<string>();
  /** What the server refuses stands nowhere. */
  const put = async (kind: string, method: string, path: string, init: RequestInit = {}) => {
    const answer = await shop.ask(method, path, init).catch(() => null);
    if (answer !== null) taken.add(kind);
    return answer;
  };
  const runIds = await fillRuns(shop);
  for (const text of HOSTILE) await fillNames(shop, text, put);
  const messageIds = await fillBodies(shop);
  for (const runId of runIds) await shop.reaches(runId, "RUN_FAILED");
  return { runIds, messageIds, taken: [...taken] };
}

type Put = (kind: string, method: string, path: string, init?: RequestInit) => Promise<unknown>;

async function fillNames({ appUrl }: Shop, text: string, put: Put): Promise<void> {
  const own = encodeURIComponent(text);
  const json = { "content-type": "application/json" };
  await put("event", "POST", `/v2/notify/wfr_none/${own}`, { body: text });
  await put("queue", "POST", `/v2/queues`, {
    headers: json,
    body: JSON.stringify({ queueName: text, parallelism: 1 }),
  });
  const endpoints = [{ name: text, url: `${appUrl}/ok?${own}` }];
  await put("endpoint", "POST", "/v2/topics/hostile/endpoints", {
    headers: json,
    body: JSON.stringify({ endpoints }),
  });
  await put("group", "POST", `/v2/topics/${own}/endpoints`, {
    headers: json,
    body: JSON.stringify({ endpoints }),
  });
  await put("flow", "POST", `/v2/flowControl/${own}/pause`);
  const schedule = {
    "Upstash-Cron": "0 0 1 1 *",
    "Upstash-Label": latin(text),
    "Upstash-Forward-X-Hostile": latin(text),
  };
  await put("schedule", "POST", `/v2/schedules/${appUrl}/ok?${own}`, {
    headers: { ...schedule, "Upstash-Schedule-Id": latin(text) },
    body: text,
  });
  await put("schedule with any id", "POST", `/v2/schedules/${appUrl}/ok`, {
    headers: schedule,
    body: text,
  });
  const message = {
    "Upstash-Delay": "1h",
    "Upstash-Label": latin(text),
    "Upstash-Forward-X-Hostile": latin(text),
  };
  await put("message", "POST", `/v2/publish/${appUrl}/ok?${own}`, { headers: message, body: text });
  const flow = {
    "Upstash-Flow-Control-Key": latin(text),
    "Upstash-Flow-Control-Value": "parallelism=1",
  };
  await put("message with a key", "POST", `/v2/publish/${appUrl}/held`, {
    headers: flow,
    body: text,
  });
  // An audit entry with this text as its target and its query.
  await put("nothing", "DELETE", `/v2/queues/${own}?${own}=${own}`);
  await put("nothing", "DELETE", `/v2/schedules/${own}`);
}

/** What a header may hold. */
const latin = (text: string): string => text.replace(/[^\x20-\x7e]/g, "").slice(0, 60) || "x";

async function fillRuns(shop: Shop): Promise<readonly string[]> {
  const failing = async (context: WorkflowContext) => {
    for (const text of HOSTILE) await context.run(text, () => ({ [text]: text }));
    throw new Error(HOSTILE.join(" "));
  };
  const failureFunction = async () => HOSTILE.join(" ");
  shop.serve(
    "/hostile",
    (qstashClient) => serve(failing, { qstashClient, failureFunction }).handler,
  );
  const waiting = async (context: WorkflowContext) => {
    await Promise.all(HOSTILE.map((text) => context.waitForEvent(text, text, { timeout: "7d" })));
  };
  shop.serve("/waiting", (qstashClient) => serve(waiting, { qstashClient }).handler);
  await shop.trigger("/waiting", HOSTILE);
  return Promise.all(
    [MARKUP, TURNED].map(async (text) => {
      const answer = await shop.ask(
        "POST",
        `/v2/trigger/${shop.appUrl}/hostile?${encodeURIComponent(text)}`,
        { headers: { "Upstash-Retries": "0", "Upstash-Label": latin(text) }, body: text },
      );
      return (answer as { readonly workflowRunId: string }).workflowRunId; // The answer of a trigger.
    }),
  );
}

async function fillBodies(shop: Shop): Promise<readonly string[]> {
  const bodies = [
    ...Object.values(TREES).map((body) => ["application/json", body] as const),
    ["application/octet-stream", Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0, 0x80])] as const,
    ["text/html", LEAKING_PAGE] as const,
    ["text/plain", TURNED] as const,
  ];
  const answers = await Promise.all(
    bodies.map(([type, body]) =>
      shop.ask("POST", `/v2/publish/${shop.appUrl}/ok`, {
        headers: { "content-type": type, "Upstash-Delay": "1h" },
        body,
      }),
    ),
  );
  return answers.map((answer) => (answer as { readonly messageId: string }).messageId); // The answer of a publish.
}
