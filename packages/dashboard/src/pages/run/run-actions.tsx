import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { searchFor } from "../../filters/use-filter.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Fault } from "../../parts/page.tsx";
import { RecoverDialog } from "../../recover/recover-dialog.tsx";
import type { Verb } from "../../recover/recovery.ts";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";

interface RunActionsProps {
  readonly run: RunResource;
  readonly entry: DeadLetterResource | null | undefined;
  readonly verb: Verb | null;
  readonly onVerb: (verb: Verb | null) => void;
}

/** What can be done with a run: recover it, or end it. */
export function RunActions({ run, entry, verb, onVerb }: RunActionsProps) {
  const navigate = useNavigate();
  const mayChange = useMayChange();
  const isLive = run.workflowState === "RUN_STARTED";
  const dlqId = entry === null || run.resumedBy !== undefined ? undefined : run.dlqId;
  const groupId = entry?.groupId;
  const keys = useMemo<HotKeys>(() => {
    const alike = {
      f: () => {
        if (groupId === undefined) return;
        void navigate({
          to: "/failures/entries",
          search: searchFor({ group: groupId }) as never, // The route's own search is texts by name.
        });
      },
    };
    if (!mayChange || dlqId === undefined) return alike;
    return { ...alike, r: () => onVerb("resume"), R: () => onVerb("restart") };
  }, [mayChange, dlqId, groupId, navigate, onVerb]);
  useHotKeys(keys);
  const what = useDeadLetter(dlqId);
  if (!mayChange) return null;
  return (
    <>
      {dlqId !== undefined && (
        <>
          <Button look="primary" onClick={() => onVerb("resume")}>
            Resume
          </Button>
          <Button onClick={() => onVerb("restart")}>Restart</Button>
        </>
      )}
      {verb !== null && what !== null && (
        <RecoverDialog
          isOpen
          onClose={() => onVerb(null)}
          what={what}
          queue="workflows"
          verb={verb}
        />
      )}
      {run.isStuck === true && <Nudge run={run} />}
      {isLive && <Cancel run={run} />}
    </>
  );
}

/** The dead letter that the dialog is about. It has left the queue when the dialog shows what became of it. */
function useDeadLetter(dlqId: string | undefined) {
  const [known, setKnown] = useState(dlqId);
  if (dlqId !== undefined && dlqId !== known) setKnown(dlqId);
  return useMemo(() => {
    return known === undefined ? null : ({ kind: "ids", dlqIds: [known] } as const);
  }, [known]);
}

function pathOfRun({ workflowRunId }: RunResource): string {
  return `/v2/workflows/runs/${encodeURIComponent(workflowRunId)}`;
}

function Nudge({ run }: { readonly run: RunResource }) {
  const action = useAction("runs");
  const nudge = () => ask(`${pathOfRun(run)}/nudge`, { method: "POST" });
  return (
    <>
      {action.error !== null && <Fault error={action.error} />}
      <Button look="primary" disabled={action.isBusy} onClick={() => void action.run(nudge)}>
        Nudge
      </Button>
    </>
  );
}

function Cancel({ run }: { readonly run: RunResource }) {
  const [isOpen, setOpen] = useState(false);
  const action = useAction("runs");
  return (
    <>
      <Button onClick={() => setOpen(true)}>Cancel</Button>
      <Confirm
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        title="Cancel this run"
        verb="Cancel the run"
        action={action}
        work={() => ask(pathOfRun(run), { method: "DELETE" })}
      >
        It ends where it stands: what is open is given up, and runs that it has invoked go on for
        themselves. This cannot be undone.
      </Confirm>
    </>
  );
}
