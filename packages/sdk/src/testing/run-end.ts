import type { ModelServer } from "./model-server.ts";
import type { Run } from "./rows.ts";
import { answerWait } from "./waits.ts";

/** Ends a run that is alive; what stands open is dropped, and whoever has invoked it is told. */
export function endRun(
  run: Run,
  state: "succeeded" | "canceled",
  response: string | undefined,
  server: ModelServer,
): void {
  if (run.state !== "running") return;
  run.state = state;
  run.endedAt = server.now;
  run.response = response;
  for (const message of server.openMessages(run)) {
    if (message.state === "waiting") server.done(message);
  }
  for (const wait of run.waits) wait.state = "done";
  run.keptEvents.length = 0;
  tellInvoker(run, server);
}

export function tellInvoker({ invoker, state, response }: Run, server: ModelServer): void {
  if (invoker === null) return;
  const out = {
    ...(state === "succeeded" && response !== undefined ? { body: response } : {}),
    isFailed: state === "failed",
    isCanceled: state === "canceled",
  };
  answerWait(invoker, { ...invoker.step, out: JSON.stringify(out) }, server);
}
