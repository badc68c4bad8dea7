import { Lock, LockOpen } from "lucide-react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Copy } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { MessageLink, RunLink } from "../../parts/id-link.tsx";
import { Fault } from "../../parts/page.tsx";
import { Instant, When } from "../../parts/when.tsx";
import type { DeadEntry } from "../../recover/overrides.ts";
import { type DeadQueue, failedAtOf, QUEUE_PATH } from "../../recover/recovery.ts";

interface EntryFactsProps {
  readonly entry: DeadEntry;
  readonly queue: DeadQueue;
  readonly mayChange: boolean;
}

export function EntryFacts({ entry, queue, mayChange }: EntryFactsProps) {
  const failedAt = failedAtOf(entry.dlqId);
  const isOfRun = "workflowRunId" in entry;
  const { url, messageId, flowControlKey, callerIP, failureCallback } = entry;
  const message = isOfRun ? (
    <code className="font-mono text-xs">{messageId}</code>
  ) : (
    <MessageLink id={messageId} />
  );
  return (
    <Facts
      facts={[
        ["Run", isOfRun && <RunLink id={entry.workflowRunId} />],
        [
          isOfRun ? "Workflow" : "Destination",
          <span key="url" className="break-all">
            {url} <Copy text={url} label="the URL" />
          </span>,
        ],
        ["Step", isOfRun ? entry.stepName : undefined],
        ["Message", message],
        ["Failed", failedAt !== null && <Instants at={failedAt} />],
        ["Created", <Instants key="at" at={isOfRun ? entry.workflowCreatedAt : entry.createdAt} />],
        ["Expires", <Expiry key="expiry" entry={entry} queue={queue} mayChange={mayChange} />],
        [
          "Retries",
          `${entry.maxRetries}${entry.retryDelayExpression === undefined ? "" : `, after ${entry.retryDelayExpression} ms`}`,
        ],
        ["Labels", entry.labels?.join(", ")],
        ["Flow control", flowControlKey === undefined ? undefined : limitsOf(entry)],
        ["Queue", isOfRun ? undefined : entry.queueName],
        ["URL group", isOfRun ? undefined : entry.topicName],
        ["Schedule", isOfRun ? undefined : entry.scheduleId],
        ["Callback", isOfRun ? undefined : entry.callback],
        ["Failure callback", failureCallback],
        ["Caller", callerIP],
      ].map(([name, value]) => [name as string, value === false ? undefined : value] as const)}
    />
  );
}

function Instants({ at }: { readonly at: number }) {
  return (
    <>
      <Instant at={at} />{" "}
      <span className="text-soft">
        (<When at={at} />)
      </span>
    </>
  );
}

function limitsOf({ flowControlKey, parallelism, rate, period }: DeadEntry): string {
  const limits = [
    parallelism === undefined ? "" : `parallelism ${parallelism}`,
    rate === undefined ? "" : `rate ${rate} per ${period ?? 1} s`,
  ].filter((limit) => limit !== "");
  return [flowControlKey, ...limits].join(", ");
}

/** When retention takes it out, and the way to keep it from that. */
function Expiry({ entry, queue, mayChange }: EntryFactsProps) {
  const { isBusy, error, run } = useAction("deadLetters", "deadMessages");
  const isHeld = entry.expiresAt === null;
  const Icon = isHeld ? LockOpen : Lock;
  const verb = isHeld ? "release" : "hold";
  const change = () =>
    ask(`${QUEUE_PATH[queue]}/${verb}/${encodeURIComponent(entry.dlqId)}`, { method: "POST" });
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      {entry.expiresAt === null ? "never: it is held" : <Instants at={entry.expiresAt} />}
      {mayChange && (
        <button
          type="button"
          disabled={isBusy}
          onClick={() => void run(change)}
          className="inline-flex items-center gap-1 rounded border border-line px-1.5 text-xs hover:bg-raised"
        >
          <Icon size={12} aria-hidden />
          {isHeld ? "Release" : "Hold"}
        </button>
      )}
      {error !== null && <Fault error={error} />}
    </span>
  );
}
