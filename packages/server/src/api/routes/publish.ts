import {
  afterPrefix,
  asSubmissionError,
  DESTINATION_PREFIX,
  HEADER,
  mergeHeaders,
  parseDestination,
  RepriseError,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import { callerIp, readBody, requestHeaders } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import type { Submission } from "../workflow-message.ts";
import { isFalse, planGroups, toItemAnswer, toWorkflowCommand } from "./batch.ts";

/** `POST /v2/publish/{url}`: one message, its destination taken byte for byte from the request target. */
export function publishRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post("/v2/publish/*", async (c) => {
    try {
      const submission = await readSubmission(c, DESTINATION_PREFIX.publish, room);
      const answers = await room.engine.execute(planGroups([toWorkflowCommand(submission, room)]));
      return c.json(answers.map(toItemAnswer)[0]);
    } catch (error) {
      const isSubmission = isFalse(c.req.header(HEADER.workflowInit));
      throw isSubmission ? asSubmissionError(error) : error;
    }
  });
}

/** Destination, headers and body of a message that is sent to `{prefix}{url}`. */
export async function readSubmission(
  c: Context<ApiEnv>,
  prefix: string,
  room: ApiRoom,
): Promise<Submission> {
  const destination = parseDestination(afterPrefix(c.env.rawTarget, prefix) ?? "");
  if (destination.kind !== "url") {
    throw new RepriseError("invalid_destination", {
      message: "invalid destination url: endpoint has invalid scheme, add http:// or https://",
    });
  }
  const headers = mergeHeaders(destination.config.headers, requestHeaders(c.req.raw, c.env));
  const body = await readBody(c.req.raw, room.settings.bodyBytesMax);
  return {
    url: destination.url,
    headers,
    body,
    callerIp: callerIp(c.req.raw, c.env, room.settings),
  };
}
