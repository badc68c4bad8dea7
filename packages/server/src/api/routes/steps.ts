import {
  asSubmissionError,
  HEADER,
  messageId,
  messageKey,
  parseRunId,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import { Hono } from "hono";
import { linesOf } from "../read-lines.ts";
import { callerIp, readBody } from "../request.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { submitLines } from "../submit-lines.ts";

/** `POST /v2/workflows/runs/{id}/steps`: what an invocation submits while it goes on. See docs/fast-modes.md#continued. */
export function stepRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post("/v2/workflows/runs/:runId/steps", async (c) => {
    try {
      const runId = parseRunId(c.req.param("runId"));
      const hold = readHold(c.req.raw.headers);
      const body = await readBody(c.req.raw, room.settings.batchBytesMax);
      const answer = await submitLines(
        {
          runId,
          ...hold,
          lines: linesOf(body),
          callerIp: callerIp(c.req.raw, c.env, room.settings),
        },
        room,
      );
      if (answer.type === "stop") return c.json({ stop: true, reason: answer.reason });
      const { leaseToken, retries } = answer;
      return c.json({ messageId: messageId(answer.messageKey), hold: leaseToken, retries });
    } catch (error) {
      throw asSubmissionError(error);
    }
  });
}

function readHold(headers: Headers): { readonly messageKey: number; readonly leaseToken: number } {
  const id = headers.get(HEADER.messageId) ?? "";
  const key = messageKey(id);
  if (key === null) {
    throw invalid("Upstash-Message-Id", `the id of the message that is held, got ${quoted(id)}`);
  }
  const hold = headers.get(HEADER.repriseHold) ?? "";
  if (!/^\d{1,15}$/.test(hold)) {
    throw invalid(
      "Reprise-Hold",
      `the hold of the offer or of the last answer, got ${quoted(hold)}`,
    );
  }
  return { messageKey: key, leaseToken: Number(hold) };
}

function invalid(header: string, expectation: string): RepriseError {
  return new RepriseError("invalid_header", {
    message: `${header} must be ${expectation}`,
    details: { header },
  });
}
