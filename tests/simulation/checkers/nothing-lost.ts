import { deadLetterKey, messageKey } from "@reprise/protocol";
import type { Checker, Exchange } from "../facts.ts";
import { recordNamed } from "../lineage.ts";
import type { Mirror } from "../mirror.ts";
import { toSlot } from "../step-list.ts";
import { readSubmissions } from "../submission.ts";

interface BatchAnswer {
  readonly messageId?: string;
  readonly workflowRunId?: string;
}

/** What was answered with success is on disk before the first byte of the answer, and at the end of the world still. */
export const nothingLost: Checker = {
  name: "nothing accepted is lost",
  promise: "whatever was answered with success is on disk at that instant, and stays",
  observe: ({ mirror, accepted, violate, mark }) => {
    return (fact) => {
      if (fact.kind === "answer" && fact.exchange.status < 300) checkAnswer(fact.exchange);
      if (fact.kind === "end") checkEnd();
    };

    function checkAnswer(exchange: Exchange): void {
      const { method, target, answer } = exchange;
      const path = target.replace(/\?.*/, "");
      if (method === "POST" && (path.startsWith("/v2/publish/") || path.startsWith("/v2/wait/"))) {
        // One message has one answer of the same shape.
        checkBatch([JSON.parse(answer) as BatchAnswer], exchange);
      } else if (method === "POST" && path === "/v2/batch") {
        // The server's answer to a batch is a list; what is missing in it is seen below.
        checkBatch(JSON.parse(answer) as readonly BatchAnswer[], exchange);
      } else if (method === "POST" && path.endsWith("/steps")) {
        for (const fault of missingRecords(exchange, mirror)) violate(fault);
      } else if (method === "DELETE" && path.startsWith("/v2/workflows/runs/")) {
        const runId = path.slice("/v2/workflows/runs/".length);
        if (mirror.runsById(runId).some((run) => run.state === "started")) {
          violate(`the end of run ${runId} was answered and is not on disk`);
        }
      } else if (method === "POST" && /^\/v2\/workflows\/dlq\/(resume|restart)$/.test(path)) {
        checkRevival(answer);
      } else if (method === "DELETE" && path === "/v2/workflows/dlq") checkDelete(target);
    }

    function checkBatch(items: readonly BatchAnswer[], { number }: Exchange): void {
      for (const { messageId, workflowRunId } of items) {
        if (!isKept(messageKey(messageId ?? "") ?? 0))
          violate(`request ${number} was answered with ${messageId}, not on disk`);
        if (workflowRunId !== undefined && mirror.runsById(workflowRunId).length === 0) {
          violate(`request ${number} was answered with run ${workflowRunId}, not on disk`);
        }
        mark(workflowRunId === undefined ? "step accepted" : "trigger accepted");
      }
    }

    /** Calls and invoked runs are known by the message that asks, other steps of somebody else by their waits. */
    function isKept(key: number): boolean {
      const isRow = mirror.get("steps", key) !== null || mirror.get("waits", key) !== null;
      return isRow || mirror.all("waits").some(({ requestKey }) => requestKey === key);
    }

    function checkRevival(answer: string): void {
      // The documented answer of resume and restart.
      const { workflowRuns } = JSON.parse(answer) as { workflowRuns: readonly BatchAnswer[] };
      for (const { workflowRunId = "" } of workflowRuns) {
        if (mirror.runsById(workflowRunId).length === 0) {
          violate(`the revival ${workflowRunId} was answered and is not on disk`);
        }
      }
    }

    function checkDelete(target: string): void {
      const ids = new URLSearchParams(target.slice(target.indexOf("?"))).getAll("dlqIds");
      for (const id of ids) {
        const entry = mirror.get("deadLetters", deadLetterKey(id)?.key ?? 0);
        if (entry?.state === "open") violate(`dead letter ${id} was deleted, says the answer`);
      }
    }

    function checkEnd(): void {
      for (const { runId, program } of accepted) {
        if (mirror.runsById(runId).length === 0)
          violate(`run ${runId} of program ${program} is lost`);
      }
    }
  },
};

/** Whoever goes on is told of nothing that is not on disk. */
function missingRecords(exchange: Exchange, mirror: Mirror): readonly string[] {
  return readSubmissions(exchange).flatMap(({ runId, kind, step }) => {
    if (kind !== "record" || step === null) return [];
    const slot = toSlot(step);
    const runs = mirror.runsById(runId);
    const isRecorded = runs.some((run) => recordNamed(mirror.steps(run.key), slot) !== null);
    const fault = `request ${exchange.number} was answered, and ${slot} of ${runId} is not on disk`;
    return isRecorded ? [] : [fault];
  });
}
