import {
  afterPrefix,
  asSubmissionError,
  DESTINATION_PREFIX,
  HEADER,
  isName,
  mergeHeaders,
  parseDestination,
  RepriseError,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import {
  type PlainSubmission,
  publishStatus,
  toPublish,
  toPublishAnswer,
  withGroupHeaders,
} from "../publish-message.ts";
import { createSchedule } from "../put-schedule.ts";
import { checkQueueQuota } from "../quotas.ts";
import { callerIp, messageTooLarge, readBody, requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import type { Submission } from "../workflow-message.ts";
import {
  isSubmissionRequest,
  isWorkflowMessage,
  planGroups,
  toItemAnswer,
  toUrl,
  toWorkflowCommand,
} from "./batch.ts";
import { invalidQueueName } from "./queue-name.ts";

/**
 * `POST /v2/publish/{destination}` and `POST /v2/enqueue/{queue}/{destination}`: one message, its destination taken byte for byte
 * from the request target.
 */
export function publishRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/v2/publish/*", async (c) => {
      try {
        const target = afterPrefix(c.env.rawTarget, DESTINATION_PREFIX.publish) ?? "";
        const submission = await readPlainSubmission(c, { target, queueName: null }, room);
        return isWorkflowMessage(submission)
          ? await publishToRun(c, submission, room)
          : await publishOrSchedule(c, submission, room);
      } catch (error) {
        throw isSubmissionRequest(c.req.raw) ? asSubmissionError(error) : error;
      }
    })
    .post("/v2/enqueue/*", async (c) => {
      const [queueName, target] = splitQueue(
        afterPrefix(c.env.rawTarget, DESTINATION_PREFIX.enqueue) ?? "",
      );
      const submission = await readPlainSubmission(c, { target, queueName }, room);
      return publishOrSchedule(c, submission, room);
    });
}

/** A publish with a cron expression makes a schedule. */
function publishOrSchedule(c: Context<ApiEnv>, submission: PlainSubmission, room: ApiRoom) {
  const isSchedule = HEADER.cron in submission.headers;
  return isSchedule ? createSchedule(c, submission, room) : publish(c, submission, room);
}

async function publish(c: Context<ApiEnv>, submission: PlainSubmission, room: ApiRoom) {
  const command = toPublish(submission, room);
  await checkQueueQuota([command.envelope.queueName], room);
  const [answer] = await room.engine.execute([command]);
  if (answer === undefined)
    throw new RepriseError("internal", { message: "one command, no answer" });
  return c.json(toPublishAnswer(answer), publishStatus(answer));
}

async function publishToRun(c: Context<ApiEnv>, submission: PlainSubmission, room: ApiRoom) {
  const { headers, body } = submission;
  const url = toUrl(submission.destination);
  const message = { url, headers, body, callerIp: submission.callerIp };
  const answers = await room.engine.execute(planGroups([toWorkflowCommand(message, room)]));
  return c.json(answers.map(toItemAnswer)[0]);
}

/** The first segment of the target, and the destination behind it. */
function splitQueue(target: string): readonly [string, string] {
  const slash = target.indexOf("/");
  const name = slash === -1 ? target : target.slice(0, slash);
  if (!isName(name)) throw invalidQueueName(name);
  return [name, slash === -1 ? "" : target.slice(slash + 1)];
}

/** Destination, headers and body of a message whose destination is the rest of the request target. */
export async function readPlainSubmission(
  c: Context<ApiEnv>,
  { target, queueName }: { readonly target: string; readonly queueName: string | null },
  room: ApiRoom,
): Promise<PlainSubmission> {
  const destination = parseDestination(target);
  const own = mergeHeaders(destination.config.headers, requestHeaders(c.req.raw, c.env));
  const headers = await withGroupHeaders(destination, own, room);
  const body = await readBody(c.req.raw, room.settings.bodyBytesMax, messageTooLarge);
  return {
    destination,
    headers,
    body,
    callerIp: callerIp(c.req.raw, c.env, room.settings),
    queueName,
  };
}

/** Destination, headers and body of a message that is sent to `{prefix}{url}`. */
export async function readSubmission(
  c: Context<ApiEnv>,
  prefix: string,
  room: ApiRoom,
): Promise<Submission> {
  const target = afterPrefix(c.env.rawTarget, prefix) ?? "";
  const submission = await readPlainSubmission(c, { target, queueName: null }, room);
  return { ...submission, url: toUrl(submission.destination) };
}
