import { isName, QUEUES_MAX, type QueueResource, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import type { Answers, DeleteQueue, UpsertQueue } from "../../core/commands.ts";
import { queueNotFound } from "../../core/queue.ts";
import type { QueueRow } from "../../core/rows.ts";
import { invalidField, type JsonObject, readJsonObject } from "../json-body.ts";
import { checkQueueQuota } from "../quotas.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toQueueResource, unfinished } from "../views/queue.ts";
import { invalidQueueName } from "./queue-name.ts";

/** Far more transactions than any queue needs to be emptied; somebody would have to fill it faster than it is. */
const DELETE_ROUNDS_MAX = 100_000;

/** `/v2/queues`: lines of messages that are delivered in order. */
export function queueRoutes(room: ApiRoom): Hono<ApiEnv> {
  const { engine, store } = room;
  return new Hono<ApiEnv>()
    .post("/v2/queues", async (c) => {
      const upsert = readUpsert(await readJsonObject(c.req.raw), room);
      await checkQueueQuota([upsert.name], room);
      await engine.execute([upsert]);
      return c.json({});
    })
    .get("/v2/queues", async (c) => {
      const query = { where: [], order: "ascending", limit: QUEUES_MAX } as const;
      const queues = await store.list("queues", query);
      const resources: QueueResource[] = [];
      for (const queue of queues) resources.push(await show(queue, room));
      return c.json(resources);
    })
    .get("/v2/queues/:name", async (c) => {
      const name = readName(c.req.param("name"));
      const [queue] = await store.find("queues", "byName", [[name]]);
      if (queue === undefined) throw queueNotFound(name);
      return c.json(await show(queue, room));
    })
    .delete("/v2/queues/:name", async (c) => {
      await deleteQueue(readName(c.req.param("name")), room);
      return c.json({});
    })
    .post("/v2/queues/:name/pause", async (c) => {
      await engine.execute([{ type: "pauseQueue", name: readName(c.req.param("name")) }]);
      return c.json({});
    })
    .post("/v2/queues/:name/resume", async (c) => {
      await engine.execute([{ type: "resumeQueue", name: readName(c.req.param("name")) }]);
      return c.json({});
    });
}

async function show(queue: QueueRow, { store }: ApiRoom): Promise<QueueResource> {
  return toQueueResource(queue, await store.count("messages", unfinished(queue)));
}

/** One transaction for so many messages, so that others get their turn in between. */
async function deleteQueue(name: string, { engine }: ApiRoom): Promise<void> {
  let afterKey: number | null = 0;
  for (let round = 0; round < DELETE_ROUNDS_MAX && afterKey !== null; round++) {
    const command: DeleteQueue = { type: "deleteQueue", name, afterKey };
    const answers: readonly Answers["deleteQueue"][] = await engine.execute([command]);
    afterKey = answers[0]?.nextAfterKey ?? null;
  }
}

function readUpsert(
  { queueName, parallelism, paused }: JsonObject,
  { settings }: ApiRoom,
): UpsertQueue {
  if (typeof queueName !== "string") throw invalidField("queueName", "a text", queueName);
  return {
    type: "upsertQueue",
    name: readName(queueName),
    parallelism: readParallelism(parallelism, settings.queueParallelismMax),
    isPaused: readPaused(paused),
  };
}

function readName(text: string): string {
  if (isName(text)) return text;
  throw invalidQueueName(text);
}

function readParallelism(value: unknown, max: number): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw invalidField("parallelism", "a whole number of 1 or more", value);
  }
  if (value <= max) return value;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxQueueParallelism exceeded, current limit: ${max}; got ${value}`,
    details: { quota: "maxQueueParallelism", limit: max },
  });
}

function readPaused(value: unknown): boolean | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "boolean") return value;
  throw invalidField("paused", "true or false", value);
}
