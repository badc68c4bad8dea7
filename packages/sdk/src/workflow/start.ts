import { HEADER } from "../wire/headers.ts";
import { randomId } from "../wire/random-id.ts";
import { startHeaders } from "../wire/start-headers.ts";
import { type Answer, doneAnswer } from "./answer.ts";
import type { Read } from "./endpoint.ts";
import { labelsOf, userHeaders } from "./request.ts";

/** Starts a run because somebody has called the endpoint itself, or because the server did not know its SDK. */
export async function startRun(
  read: Read,
  payload: string,
  knownRunId: string | null,
): Promise<Answer> {
  const { request, settings, url } = read;
  const runId = knownRunId ?? `wfr_${randomId()}`;
  const forwarded = Object.fromEntries(userHeaders(request.headers).entries());
  const headers = {
    ...startHeaders({
      runId,
      url,
      labels: labelsOf(request.headers),
      userHeaders: forwarded,
      contentType: request.headers.get(HEADER.contentType) ?? undefined,
      invokeCount: Number(request.headers.get(HEADER.workflowInvokeCount) ?? 0),
    }),
    ...(knownRunId === null ? {} : { [HEADER.workflowTriggerBySdk]: "true" }),
  };
  const item = { destination: url, headers, ...(payload === "" ? {} : { body: payload }) };
  await settings.http.json({
    method: "POST",
    path: ["v2", "batch"],
    headers: { [HEADER.contentType]: "application/json" },
    body: JSON.stringify([item]),
  });
  return doneAnswer(runId, "success");
}
