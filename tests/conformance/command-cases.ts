import type { CallOptions, World } from "./world.ts";

/** Every request that changes something about messages, in a world in which nothing of it is delivered. */
export interface CommandCase {
  readonly method: string;
  readonly path: string;
  readonly options?: CallOptions;
}

/** What a prepared world has, by the names that its requests use. */
export interface Prepared {
  readonly url: string;
  /** Waits for its delay. */
  readonly later: string;
  /** Waits for its delay too; then its flow control is paused. */
  readonly held: string;
  readonly dead: readonly [string, string];
}

const LATE = { "upstash-delay": "1d" } as const;

/** A paused queue with a message in its line, messages that wait for their delay, a group, a schedule, two dead messages. */
export async function prepare(world: World): Promise<Prepared> {
  const url = world.app.on("/ok", () => new Response("ok"));
  const failing = world.app.on("/fails", () => new Response("no", { status: 500 }));
  const send = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await world.call("POST", path, { headers, body: "{}" });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
    // A publish to a URL answers with one message.
    return (answer.json as { readonly messageId?: string }).messageId ?? "";
  };
  const put = (path: string, body: object) =>
    world.call("POST", path, { body: JSON.stringify(body) });
  await put("/v2/queues", { queueName: "still", paused: true });
  await send(`/v2/enqueue/still/${url}`);
  await put("/v2/queues", { queueName: "idle" });
  await put("/v2/queues", { queueName: "resting", paused: true });
  await put("/v2/topics/all/endpoints", {
    endpoints: [
      { name: "a", url },
      { name: "b", url: `${url}?b` },
    ],
  });
  await world.call("POST", "/v2/flowControl/closed/pause");
  for (const id of ["s", "p"]) {
    await send(`/v2/schedules/${url}`, { "upstash-cron": "0 0 1 1 *", "upstash-schedule-id": id });
  }
  await world.call("PATCH", "/v2/schedules/p/pause");
  const held = await send(`/v2/publish/${url}`, { ...LATE, ...flow("closed") });
  const later = await send(`/v2/publish/${url}`, { ...LATE, "upstash-label": "later" });
  const first = await die(world, failing);
  const second = await die(world, failing);
  return { url, held, later, dead: [first, second] };
}

function flow(key: string) {
  return { "upstash-flow-control-key": key, "upstash-flow-control-value": "parallelism=1" };
}

/** Publishes a message that fails, and gives the id of its dead letter. */
async function die(world: World, url: string): Promise<string> {
  const headers = { "upstash-retries": "0" };
  const answer = await world.call("POST", `/v2/publish/${url}`, { headers, body: "dead" });
  // A publish to a URL answers with one message.
  const { messageId } = answer.json as { readonly messageId: string };
  for (;;) {
    const page = await world.call("GET", `/v2/dlq?messageId=${messageId}`);
    // The shape is what the tests of the dead letter queue check.
    const { messages } = page.json as { readonly messages: readonly { readonly dlqId: string }[] };
    if (messages[0] !== undefined) return messages[0].dlqId;
  }
}

/** Names of all cases; each test makes a world of its own, in which they mean something. */
export const COMMAND_NAMES = Object.keys(
  commandCases({ url: "", later: "", held: "", dead: ["", ""] }),
);

export function commandCases(prepared: Prepared): Readonly<Record<string, CommandCase>> {
  return {
    ...acceptances(prepared),
    ...messageActions(prepared),
    ...gateActions(),
    ...names(prepared),
  };
}

function acceptances({ url }: Prepared): Readonly<Record<string, CommandCase>> {
  const body = "{}";
  const late = { method: "POST", options: { headers: LATE, body } } as const;
  const item = { destination: url, headers: LATE, body };
  const unique = { ...LATE, "upstash-deduplication-id": "once" };
  return {
    "a publish": { ...late, path: `/v2/publish/${url}` },
    "a publish with a key that is new": {
      ...late,
      path: `/v2/publish/${url}`,
      options: { headers: { ...LATE, ...flow("new") }, body },
    },
    "a publish that claims an id": {
      ...late,
      path: `/v2/publish/${url}`,
      options: { headers: unique, body },
    },
    "a publish to a group": { ...late, path: "/v2/publish/all" },
    "an enqueue": { method: "POST", path: `/v2/enqueue/still/${url}`, options: { body } },
    "an enqueue that makes its queue": { ...late, path: `/v2/enqueue/new/${url}` },
    "a batch": {
      method: "POST",
      path: "/v2/batch",
      options: {
        body: JSON.stringify([item, { ...item, queue: "idle" }, { ...item, destination: "all" }]),
      },
    },
  };
}

function messageActions({ held, later, dead }: Prepared): Readonly<Record<string, CommandCase>> {
  const [first, second] = dead;
  const both = JSON.stringify({ dlqIds: dead });
  return {
    "a cancel": { method: "DELETE", path: `/v2/messages/${later}` },
    "a cancel by ids": {
      method: "DELETE",
      path: "/v2/messages",
      options: { body: JSON.stringify({ messageIds: [held, later] }) },
    },
    "a cancel by a filter": { method: "DELETE", path: "/v2/messages?label=later&count=10" },
    "a send now": { method: "POST", path: `/v2/messages/${held}/retry` },
    "a retry of a dead message": {
      method: "POST",
      path: `/v2/dlq/retry/${first}`,
      options: { headers: LATE },
    },
    "a retry of dead messages": {
      method: "POST",
      path: "/v2/dlq/retry",
      options: { headers: LATE, body: both },
    },
    "a delete of a dead message": { method: "DELETE", path: `/v2/dlq/${second}` },
    "a delete of dead messages": { method: "DELETE", path: "/v2/dlq", options: { body: both } },
  };
}

function gateActions(): Readonly<Record<string, CommandCase>> {
  return {
    "a new queue": {
      method: "POST",
      path: "/v2/queues",
      options: { body: JSON.stringify({ queueName: "more", parallelism: 3 }) },
    },
    "a pause of a queue": { method: "POST", path: "/v2/queues/idle/pause" },
    "a resume of a queue": { method: "POST", path: "/v2/queues/resting/resume" },
    "a delete of a queue with a message": { method: "DELETE", path: "/v2/queues/still" },
    "a pause of a key": { method: "POST", path: "/v2/flowControl/other/pause" },
    "a resume of a key": { method: "POST", path: "/v2/flowControl/closed/resume" },
    "a pin": { method: "POST", path: "/v2/flowControl/closed/pin?parallelism=4" },
  };
}

function names({ url }: Prepared): Readonly<Record<string, CommandCase>> {
  return {
    "an endpoint more": {
      method: "POST",
      path: "/v2/topics/all/endpoints",
      options: { body: JSON.stringify({ endpoints: [{ name: "c", url }] }) },
    },
    "an endpoint less": {
      method: "DELETE",
      path: "/v2/topics/all/endpoints",
      options: { body: JSON.stringify({ endpoints: [{ name: "a" }] }) },
    },
    "a delete of a group": { method: "DELETE", path: "/v2/topics/all" },
    "a new schedule": {
      method: "POST",
      path: `/v2/schedules/${url}`,
      options: {
        headers: { "upstash-cron": "0 0 2 1 *", "upstash-schedule-id": "t" },
        body: "{}",
      },
    },
    "a pause of a schedule": { method: "PATCH", path: "/v2/schedules/s/pause" },
    "a resume of a schedule": { method: "PATCH", path: "/v2/schedules/p/resume" },
    "a delete of a schedule": { method: "DELETE", path: "/v2/schedules/s" },
  };
}
