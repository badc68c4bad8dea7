import {
  HEADER,
  newScheduleId,
  parsePlainOptions,
  RepriseError,
  type ScheduleAnswer,
} from "@reprise/protocol";
import type { Context } from "hono";
import { parseCron } from "../core/cron-parse.ts";
import type { PutSchedule } from "../core/schedule-command.ts";
import { type PlainSubmission, toDedup, toEnvelope } from "./publish-message.ts";
import { checkQueueQuota } from "./quotas.ts";
import type { ApiEnv, ApiRoom } from "./room.ts";
import { readOptions } from "./workflow-message.ts";

/** What a creation answers, and a publish with a cron expression. */
export async function createSchedule(
  c: Context<ApiEnv>,
  submission: PlainSubmission,
  room: ApiRoom,
): Promise<Response> {
  const command = toPutSchedule(submission, room);
  await checkQueueQuota([command.config.queueName], room);
  await checkScheduleQuota(command.scheduleId, room);
  const [answer] = await room.engine.execute([command]);
  if (answer === undefined)
    throw new RepriseError("internal", { message: "one command, no answer" });
  const { scheduleId, deduplicated } = answer;
  const body: ScheduleAnswer = { scheduleId, ...(deduplicated ? { deduplicated } : {}) };
  return c.json(body, deduplicated ? 202 : 200);
}

/**
 * Turns what came over the wire into a schedule: everything is checked here, before anything is stored.
 * @throws RepriseError that names the header, its fault and what is allowed.
 */
function toPutSchedule(submission: PlainSubmission, room: ApiRoom): PutSchedule {
  const { destination, headers, body } = submission;
  if (HEADER.notBefore in headers) {
    throw new RepriseError("invalid_header", {
      message:
        "Upstash-Not-Before is not allowed for a schedule; Upstash-Delay shifts each of its messages",
      details: { header: "Upstash-Not-Before" },
    });
  }
  const options = readOptions(headers, room);
  const plain = parsePlainOptions(headers);
  if (plain.cron === null) {
    throw new RepriseError("invalid_cron", {
      message: "a schedule needs a cron expression in Upstash-Cron, such as 0 9 * * 1-5",
    });
  }
  const cron = parseCron(plain.cron).text;
  if (destination.kind === "url") room.settings.checkEgress(destination.url);
  const envelope = toEnvelope(submission, { options, plain }, room);
  const { notBefore, ...shared } = envelope;
  const { delayMs } = options;
  return {
    type: "putSchedule",
    scheduleId: plain.scheduleId ?? newScheduleId((count) => room.host.randomBytes(count)),
    cron,
    destination: destination.kind === "url" ? destination.url : destination.name,
    config: delayMs === null ? shared : { ...shared, delayMs },
    body,
    dedup: toDedup(plain, envelope, body),
    dedupUntil: room.host.now() + room.settings.dedupWindowMs,
  };
}

/**
 * Refuses a new schedule when there are as many as this server allows. Creations at the same instant may all pass: the limit
 * guards the server, not a price.
 * @throws RepriseError `quota_exceeded`.
 */
async function checkScheduleQuota(scheduleId: string, room: ApiRoom): Promise<void> {
  const { schedulesMax } = room.settings;
  if ((await room.store.count("schedules", [])) < schedulesMax) return;
  const known = await room.store.find("schedules", "byId", [[scheduleId]]);
  if (known.length > 0) return;
  throw new RepriseError("quota_exceeded", {
    message: `quota maxSchedules exceeded, current limit: ${schedulesMax}`,
    details: { quota: "maxSchedules", limit: schedulesMax },
  });
}
