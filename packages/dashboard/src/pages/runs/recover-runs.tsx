import type { RunResource } from "@reprise/protocol";
import { useMemo, useState } from "react";
import { Button } from "../../parts/button.tsx";
import { plural } from "../../parts/words.ts";
import { RecoverDialog } from "../../recover/recover-dialog.tsx";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";

interface RecoverRunsProps {
  readonly chosen: readonly RunResource[];
  /** The row that keys are about, when none is chosen. */
  readonly active: { readonly current: RunResource | null };
}

/** Resumes and restarts failed runs where they are listed: `r` and `R`. */
export function RecoverRuns({ chosen, active }: RecoverRunsProps) {
  const [open, setOpen] = useState<{
    readonly verb: "resume" | "restart";
    readonly dlqIds: readonly string[];
  } | null>(null);
  const ofChosen = useMemo(() => recoverable(chosen), [chosen]);
  const keys = useMemo<HotKeys>(() => {
    const begin = (verb: "resume" | "restart") => () => {
      const { current } = active;
      const dlqIds = chosen.length > 0 ? ofChosen : recoverable(current === null ? [] : [current]);
      if (dlqIds.length > 0) setOpen({ verb, dlqIds });
    };
    return { r: begin("resume"), R: begin("restart") };
  }, [chosen.length, ofChosen, active]);
  useHotKeys(keys);
  return (
    <>
      {ofChosen.length > 0 && (
        <Button look="primary" onClick={() => setOpen({ verb: "resume", dlqIds: ofChosen })}>
          Recover {plural(ofChosen.length, "run")}
        </Button>
      )}
      {open !== null && (
        <RecoverDialog
          isOpen
          onClose={() => setOpen(null)}
          what={{ kind: "ids", dlqIds: open.dlqIds }}
          queue="workflows"
          verb={open.verb}
        />
      )}
    </>
  );
}

/** Dead letters of runs that nobody has recovered yet. */
function recoverable(runs: readonly RunResource[]): readonly string[] {
  return runs.flatMap(({ dlqId, resumedBy }) =>
    dlqId === undefined || resumedBy !== undefined ? [] : [dlqId],
  );
}
