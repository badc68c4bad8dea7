import { until } from "../conformance/until.ts";
import type { BusyWorld } from "./busy-world.ts";

const names = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`);

/** Brings a world into every state; nothing in it ends before `finish`. */
export async function fill(world: BusyWorld): Promise<void> {
  await fillMessages(world);
  await fillRuns(world);
}

async function fillMessages(world: BusyWorld): Promise<void> {
  const { appUrl } = world;
  for (const _ of names("done", 3)) await world.publish("/hook/done");
  await world.publish("/hook/delayed", {
    "Upstash-Delay": `${world.patience}s`,
    "Upstash-Label": "winter",
  });
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.publish("/hook/unwanted", { "Upstash-Delay": "1d", "Upstash-Label": "summer" });
  await world.ask("/v2/messages?label=summer&async=true", { method: "DELETE" });
  await until("the end of the bulk action", async () => {
    return JSON.stringify(await world.ask("/v2/bulkActions")).includes("FINISHED");
  });
  await world.publish("/hook/once", { "Upstash-Deduplication-Id": "once" });
  await world.publish("/broken/retrying", {
    "Upstash-Retries": "3",
    "Upstash-Retry-Delay": `${world.patience * 1000}`,
  });
  await world.publish("/broken/dead", { "Upstash-Retries": "0" });
  await world.publish("/broken/told", {
    "Upstash-Retries": "0",
    "Upstash-Callback": `${appUrl}/held/callback`,
    "Upstash-Failure-Callback": `${appUrl}/hook/failure`,
  });
  await world.publish("/held/flight");
  await fillGates(world);
  await world.ask("/v2/topics/group/endpoints", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoints: [{ url: `${appUrl}/hook/a` }, { url: `${appUrl}/hook/b` }] }),
  });
  await world.ask("/v2/publish/group", { method: "POST", body: "to both" });
  for (const [id, cron] of [
    ["often", "* * * * *"],
    ["resting", "0 0 1 1 *"],
  ] as const) {
    const headers = { "Upstash-Cron": cron, "Upstash-Schedule-Id": id };
    await world.ask(`/v2/schedules/${appUrl}/hook/tick-${id}`, {
      method: "POST",
      headers,
      body: id,
    });
  }
  await world.ask("/v2/schedules/resting/pause", { method: "POST" });
  await world.publish("/broken/again", { "Upstash-Retries": "0" });
  await until("dead messages", async () => (await deadLettersOf(world, "/v2/dlq")).length >= 3);
  const [first] = await deadLettersOf(world, "/v2/dlq");
  await world.ask(`/v2/dlq/retry/${first}`, { method: "POST" });
}

/** Lines in front of queues and flow controls. */
async function fillGates(world: BusyWorld): Promise<void> {
  const { appUrl } = world;
  for (const name of names("queued", 4)) await world.enqueue("line", `/held/${name}`);
  for (const name of names("reported", 2)) {
    await world.enqueue("reports", `/hook/${name}`, {
      "Upstash-Callback": `${appUrl}/held/report`,
    });
  }
  await world.ask("/v2/queues", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ queueName: "stopped", parallelism: 2 }),
  });
  await world.ask("/v2/queues/stopped/pause", { method: "POST" });
  for (const name of names("stopped", 2)) await world.enqueue("stopped", `/hook/${name}`);
  const flow = {
    "Upstash-Flow-Control-Key": "shop",
    "Upstash-Flow-Control-Value": "parallelism=2",
  };
  for (const name of names("shop", 4)) await world.publish(`/held/${name}`, flow);
  const rate = {
    "Upstash-Flow-Control-Key": "slow",
    "Upstash-Flow-Control-Value": `rate=2, period=${world.patience}s`,
  };
  for (const name of names("slow", 5)) await world.publish(`/hook/${name}`, rate);
}

async function fillRuns(world: BusyWorld): Promise<void> {
  for (const name of [
    "quick",
    "sleeping",
    "event",
    "kept",
    "calling",
    "parent",
    "canceled",
    "failing",
    "branching",
  ]) {
    await world.trigger(name === "canceled" ? "/event" : `/${name}`, name);
  }
  for (const name of ["resumed", "restarted", "given-up"]) await world.trigger("/failing", name);
  const id = (name: string) => world.runs.get(name) ?? "";
  await until("the failures", async () => {
    const states = await Promise.all(
      ["failing", "resumed", "restarted", "given-up", "branching"].map((name) =>
        world.stateOf(name),
      ),
    );
    return states.every((state) => state === "RUN_FAILED");
  });
  // Its app is told of the answer when it is resumed.
  world.answer("/held/branch");
  await until("the quick run", async () => (await world.stateOf("quick")) === "RUN_SUCCESS");
  await until("the waits", async () => {
    const waiting = await world.ask("/v2/waiters/children");
    return Array.isArray(waiting) && waiting.length === 1;
  });
  await world.ask(`/v2/workflows/runs/${id("canceled")}`, { method: "DELETE" });
  const body = JSON.stringify({ eventId: `event ${id("kept")}`, workflowRunId: id("kept") });
  await world.ask(`/v2/notify/${id("kept")}/${encodeURIComponent(`event ${id("kept")}`)}`, {
    method: "POST",
    body,
  });
  for (const [name, verb] of [
    ["resumed", "resume"],
    ["restarted", "restart"],
  ] as const) {
    const [dlqId] = await deadLettersOf(world, `/v2/workflows/dlq?workflowRunId=${id(name)}`);
    await world.ask(`/v2/workflows/dlq/${verb}/${dlqId}`, { method: "POST" });
  }
  const [dlqId] = await deadLettersOf(world, `/v2/workflows/dlq?workflowRunId=${id("given-up")}`);
  await world.ask(`/v2/workflows/dlq/${dlqId}`, { method: "DELETE" });
}

/** Lets everything end that can: what is left are the message of tomorrow, the schedules, and what has ended. */
export async function finish(world: BusyWorld): Promise<void> {
  world.release();
  await world.ask("/v2/queues/stopped/resume", { method: "POST" });
  for (const event of [`event ${world.runs.get("event")}`, "children"]) {
    await world.ask(`/v2/notify/${encodeURIComponent(event)}`, { method: "POST" });
  }
  await until(
    "the end of everything",
    async () => {
      for (const id of await deadLettersOf(world, "/v2/workflows/dlq")) {
        await world.ask(`/v2/workflows/dlq/resume/${id}`, { method: "POST" });
      }
      for (const id of await deadLettersOf(world, "/v2/dlq")) {
        await world.ask(`/v2/dlq/retry/${id}`, { method: "POST" });
      }
      return (await countOf(world, "messages?count=100")) === 1 && (await liveRunsOf(world)) === 0;
    },
    120_000,
    50,
  );
}

async function countOf(world: BusyWorld, list: string): Promise<number> {
  // The answer of this server has this shape.
  const { messages } = (await world.ask(`/v2/${list}`)) as { readonly messages: readonly object[] };
  return messages.length;
}

async function liveRunsOf(world: BusyWorld): Promise<number> {
  const answer = await world.ask("/v2/workflows/logs?state=RUN_STARTED&trimBody=-1");
  // As above.
  return (answer as { readonly runs: readonly object[] }).runs.length;
}

/** What every world has delivered once it has come to its end, whatever happened in between. */
export const wantedPaths: readonly string[] = [
  "/hook/done",
  "/hook/delayed",
  "/hook/once",
  "/broken/retrying",
  "/broken/dead",
  "/broken/told",
  "/broken/again",
  "/held/flight",
  "/held/callback",
  "/hook/failure",
  "/held/report",
  "/hook/a",
  "/hook/b",
  ...names("queued", 4).map((name) => `/held/${name}`),
  ...names("reported", 2).map((name) => `/hook/${name}`),
  ...names("stopped", 2).map((name) => `/hook/${name}`),
  ...names("shop", 4).map((name) => `/held/${name}`),
  ...names("slow", 5).map((name) => `/hook/${name}`),
];

export async function deadLettersOf(world: BusyWorld, path: string): Promise<readonly string[]> {
  const answer = await world.ask(path);
  // The answer of this server has this shape.
  const { messages } = answer as { readonly messages: readonly { readonly dlqId: string }[] };
  return messages.map(({ dlqId }) => dlqId);
}
