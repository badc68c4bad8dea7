import type { DeadLetterPage, DeadMessagePage } from "@reprise/protocol";
import { Lock, LockOpen, RotateCw } from "lucide-react";
import { ask, type Query } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Fault } from "../../parts/page.tsx";
import { ExportButton } from "../../parts/table/export-button.tsx";
import type { Selection } from "../../parts/table/selection.ts";
import type { PageOf } from "../../parts/table/use-live-pages.ts";
import { formatCount } from "../../parts/words.ts";
import type { DeadEntry } from "../../recover/overrides.ts";
import { type DeadQueue, QUEUE_PATH } from "../../recover/recovery.ts";
import type { ChosenWork } from "./entries.tsx";

interface EntryActionsProps {
  readonly queue: DeadQueue;
  readonly query: Query;
  /** Why the filter cannot stand for all that is shown; null when it can. */
  readonly notAll: string | null;
  readonly selection: Selection;
  readonly read: (page: DeadLetterPage | DeadMessagePage) => PageOf<DeadEntry>;
  readonly mayChange: boolean;
  readonly onWork: (work: ChosenWork) => void;
}

/** What can be done with the selected entries, or with all that the filter shows. */
export function EntryActions(props: EntryActionsProps) {
  const { queue, query, notAll, selection, read, mayChange, onWork } = props;
  const hold = useAction("deadLetters", "deadMessages");
  const dlqIds = [...selection.ids];
  const hasSome = dlqIds.length > 0;
  const keep = (verb: "hold" | "release") =>
    void hold.run(() => ask(`${QUEUE_PATH[queue]}/${verb}`, { method: "POST", body: { dlqIds } }));
  return (
    <div className="mb-2 flex flex-wrap items-center gap-2">
      {mayChange && (
        <Button
          look="primary"
          disabled={!hasSome && notAll !== null}
          title={hasSome ? undefined : (notAll ?? undefined)}
          onClick={() =>
            onWork({ what: hasSome ? { kind: "ids", dlqIds } : { kind: "filter", query } })
          }
        >
          <RotateCw size={14} aria-hidden />
          {hasSome ? `Recover ${formatCount(dlqIds.length)} selected` : "Recover all that match"}
        </Button>
      )}
      {mayChange && hasSome && (
        <>
          <Button disabled={hold.isBusy} onClick={() => keep("hold")}>
            <Lock size={14} aria-hidden />
            Hold
          </Button>
          <Button disabled={hold.isBusy} onClick={() => keep("release")}>
            <LockOpen size={14} aria-hidden />
            Release
          </Button>
          <Button look="quiet" onClick={selection.clear}>
            Clear selection
          </Button>
        </>
      )}
      <span className="ml-auto">
        <ExportButton
          path={QUEUE_PATH[queue]}
          query={query}
          read={read}
          fileName={`reprise-dead-${queue}.jsonl`}
          notAll={notAll}
        />
      </span>
      {hold.error !== null && <Fault error={hold.error} />}
    </div>
  );
}
