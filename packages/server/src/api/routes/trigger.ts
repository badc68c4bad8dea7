import { DESTINATION_PREFIX, parseJson, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import type { StartRunAnswer } from "../../core/commands.ts";
import { callerIp, readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { readOptions, toRestStartRun } from "../workflow-message.ts";
import { inItem, parseItem } from "./batch.ts";
import { readSubmission } from "./publish.ts";

/** `POST /v2/trigger/{url}` and `POST /v2/batch/trigger`: runs started without an SDK. */
export function triggerRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/v2/trigger/*", async (c) => {
      const submission = await readSubmission(c, DESTINATION_PREFIX.trigger, room);
      const command = toRestStartRun(submission, readOptions(submission.headers, room), room);
      const [answer] = await room.engine.execute([command]);
      return c.json(answer === undefined ? {} : toTriggerAnswer(answer));
    })
    .post("/v2/batch/trigger", async (c) => {
      const body = await readBody(c.req.raw, room.settings.batchBytesMax);
      const ip = callerIp(c.req.raw, c.env, room.settings);
      const commands = parseTriggers(body, room.settings.batchItemsMax).map((value, index) =>
        inItem(index, () => {
          const item = parseItem(value);
          const { destination } = item;
          if (destination.kind !== "url") {
            throw new RepriseError("invalid_destination", {
              message: "destination must start with http:// or https://",
            });
          }
          const submission = { ...item, url: destination.url, callerIp: ip };
          return toRestStartRun(submission, readOptions(item.headers, room), room);
        }),
      );
      const answers = await room.engine.execute(commands);
      return c.json(answers.map(toTriggerAnswer), 201);
    });
}

function parseTriggers(bytes: Uint8Array, itemsMax: number): readonly unknown[] {
  const list = parseJson(bytes, "the body");
  if (!Array.isArray(list) || list.length === 0 || list.length > itemsMax) {
    throw new RepriseError("invalid_request", {
      message: `the body must be a JSON array of 1 to ${itemsMax} runs to trigger`,
    });
  }
  return list;
}

function toTriggerAnswer({ workflowRunId, workflowCreatedAt, deduplicated }: StartRunAnswer) {
  return { workflowRunId, workflowCreatedAt, ...(deduplicated ? { deduplicated } : {}) };
}
