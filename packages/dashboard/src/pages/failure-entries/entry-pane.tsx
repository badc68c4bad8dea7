import { useQuery } from "@tanstack/react-query";
import { RotateCw, X } from "lucide-react";
import { Tabs } from "radix-ui";
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError, ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import type { FilterState } from "../../filters/use-filter.ts";
import { AttemptList } from "../../parts/attempt-list.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Button } from "../../parts/button.tsx";
import { CauseBadge } from "../../parts/cause-badge.tsx";
import { Copy } from "../../parts/copy.tsx";
import { CurlButton } from "../../parts/curl-button.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { Fault } from "../../parts/page.tsx";
import type { DeadEntry } from "../../recover/overrides.ts";
import { RecoverDialog } from "../../recover/recover-dialog.tsx";
import { type DeadQueue, QUEUE_PATH, type Verb } from "../../recover/recovery.ts";
import { saidBy } from "../../recover/said.ts";
import { useHotKeys } from "../../shell/hot-keys.ts";
import { CauseAdvice } from "./cause-advice.tsx";
import { EntryFacts } from "./entry-facts.tsx";
import { FailureFunction } from "./failure-function.tsx";

interface EntryPaneProps {
  readonly dlqId: string;
  /** Where it is looked for first: an id does not say which queue it is of. */
  readonly queue: DeadQueue;
  readonly state: FilterState;
  readonly onClose: () => void;
}

interface Found {
  readonly queue: DeadQueue;
  readonly entry: DeadEntry;
}

async function readEntry(dlqId: string, queue: DeadQueue, signal: AbortSignal): Promise<Found> {
  const get = async (of: DeadQueue): Promise<Found> => {
    const path = `${QUEUE_PATH[of]}/${encodeURIComponent(dlqId)}`;
    return { queue: of, entry: await ask<DeadEntry>(path, { signal }) };
  };
  try {
    return await get(queue);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return get(queue === "workflows" ? "messages" : "workflows");
  }
}

/** Everything that is kept of one dead letter, beside the list, or over it where there is no room. */
export function EntryPane({ dlqId, queue: first, state, onClose }: EntryPaneProps) {
  const paneRef = useRef<HTMLElement>(null);
  const { data, error, refetch } = useQuery({
    queryKey: [["deadLetters", "deadMessages"], "entry", first, dlqId],
    queryFn: ({ signal }) => readEntry(dlqId, first, signal),
  });
  const keys = useMemo(() => ({ Escape: onClose }), [onClose]);
  useHotKeys(keys);
  useEffect(() => paneRef.current?.focus(), []);
  return (
    <aside
      ref={paneRef}
      tabIndex={-1}
      aria-label={`Dead letter ${dlqId}`}
      className="fixed inset-x-0 top-12 bottom-0 z-20 overflow-y-auto border-l border-line bg-panel p-4 outline-none sm:left-auto sm:w-[min(44rem,100vw)] sm:shadow-xl xl:static xl:w-[46%] xl:shrink-0 xl:rounded-lg xl:border xl:shadow-none"
    >
      <header className="mb-3 flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="flex items-center gap-1 font-semibold">
            Dead letter <span className="truncate font-mono text-xs">{dlqId}</span>
            <Copy text={dlqId} label="the id of the dead letter" />
          </h2>
        </div>
        <button
          type="button"
          aria-label="Close"
          onClick={onClose}
          className="rounded p-1 hover:bg-raised"
        >
          <X size={16} aria-hidden />
        </button>
      </header>
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <Detail {...data} state={state} />}
    </aside>
  );
}

function Detail({ entry, queue, state }: Found & { readonly state: FilterState }) {
  const mayChange = useMayChange();
  const [verb, setVerb] = useState<Verb | null>(null);
  const { groupId } = entry;
  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-center gap-2">
        <CauseBadge cause={entry.cause} />
        <span className="text-xs text-soft">
          {entry.responseStatus === 0 ? "no answer" : `status ${entry.responseStatus}`}
        </span>
        <span className="ml-auto flex flex-wrap gap-2">
          {groupId !== undefined && (
            <Button className="px-2 py-1" onClick={() => state.put("group", [groupId])}>
              Show alike
            </Button>
          )}
          {mayChange && (
            <Button
              look="primary"
              className="px-2 py-1"
              onClick={() => setVerb(queue === "workflows" ? "resume" : "retry")}
            >
              <RotateCw size={13} aria-hidden />
              Recover
            </Button>
          )}
        </span>
      </div>
      <CauseAdvice cause={entry.cause} reason={entry.reason} said={saidBy(entry)} />
      <EntryFacts entry={entry} queue={queue} mayChange={mayChange} />
      {"workflowRunId" in entry && (
        <FailureFunction entry={entry} mayChange={mayChange} onRerun={() => setVerb("callback")} />
      )}
      <Exchange entry={entry} />
      {verb !== null && (
        <RecoverDialog
          isOpen
          onClose={() => setVerb(null)}
          what={{ kind: "ids", dlqIds: [entry.dlqId] }}
          queue={queue}
          verb={verb}
        />
      )}
    </div>
  );
}

function Exchange({ entry }: { readonly entry: DeadEntry }) {
  const attempts = "attempts" in entry ? entry.attempts : undefined;
  const tabs = ["Response", "Request", ...(attempts === undefined ? [] : ["Attempts"]), "Meta"];
  return (
    <Tabs.Root defaultValue="Response">
      <Tabs.List aria-label="What is kept" className="mb-3 flex gap-1 border-b border-line">
        {tabs.map((name) => (
          <Tabs.Trigger
            key={name}
            value={name}
            className="-mb-px border-b-2 border-transparent px-3 py-1.5 text-soft hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
          >
            {name}
            {name === "Attempts" && attempts !== undefined && ` (${attempts.length})`}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value="Response" className="space-y-4">
        <HeaderList title="Headers" headers={entry.responseHeader} />
        <BodyView
          title="Body"
          text={entry.responseBody}
          base64={entry.responseBodyBase64}
          headers={entry.responseHeader}
          isTruncated={entry.isResponseTruncated}
        />
      </Tabs.Content>
      <Tabs.Content value="Request" className="space-y-4">
        <CurlButton request={requestOf(entry)} />
        <HeaderList title="Headers" headers={entry.header} />
        <BodyView title="Body" text={entry.body} base64={entry.bodyBase64} headers={entry.header} />
      </Tabs.Content>
      {attempts !== undefined && (
        <Tabs.Content value="Attempts">
          <AttemptList attempts={attempts} />
        </Tabs.Content>
      )}
      <Tabs.Content value="Meta">
        <BodyView title="As the API answers it" text={JSON.stringify(entry)} base64={undefined} />
      </Tabs.Content>
    </Tabs.Root>
  );
}

function requestOf({ method, url, header, body, bodyBase64 }: DeadEntry) {
  return { method, url, headers: header ?? {}, text: body, base64: bodyBase64 };
}
