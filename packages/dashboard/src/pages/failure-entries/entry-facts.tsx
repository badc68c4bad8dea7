import { Lock, LockOpen } from "lucide-react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Copy } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { MessageLink, RunLink } from "../../parts/id-link.tsx";
import { Fault } from "../../parts/page.tsx";
import { InstantAndAge } from "../../parts/when.tsx";
import { limitsOf } from "../../parts/words.ts";
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
  const createdAt = isOfRun ? entry.workflowCreatedAt : entry.createdAt;
  const message = isOfRun ? (
    <code className="font-mono text-xs">{messageId}</code>
  ) : (
    <MessageLink id={messageId} />
  );
  return (
    <Facts
      facts={[
        ["Run", isOfRun && <RunLink key="run" id={entry.workflowRunId} />],
        [
          isOfRun ? "Workflow" : "Destination",
          <span key="url" className="break-all">
            {url} <Copy text={url} label="the URL" />
          </span>,
        ],
        ["Step", isOfRun ? entry.stepName : undefined],
        ["Message", message],
        ["Failed", failedAt !== null && <InstantAndAge key="at" at={failedAt} />],
        ["Created", <InstantAndAge key="at" at={createdAt} />],
        ["Expires", <Expiry key="expiry" entry={entry} queue={queue} mayChange={mayChange} />],
        [
          "Retries",
          `${entry.maxRetries}${entry.retryDelayExpression === undefined ? "" : `, after ${entry.retryDelayExpression} ms`}`,
        ],
        ["Labels", entry.labels?.join(", ")],
        [
          "Flow control",
          flowControlKey === undefined
            ? undefined
            : [flowControlKey, limitsOf(entry)].filter(Boolean).join(", "),
        ],
        ["Queue", isOfRun ? undefined : entry.queueName],
        ["URL group", isOfRun ? undefined : entry.topicName],
        ["Schedule", isOfRun ? undefined : entry.scheduleId],
        ["Callback", isOfRun ? undefined : entry.callback],
        ["Failure callback", failureCallback],
        ["Caller", callerIP],
      ]}
    />
  );
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
      {entry.expiresAt === null ? "never: it is held" : <InstantAndAge at={entry.expiresAt} />}
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
