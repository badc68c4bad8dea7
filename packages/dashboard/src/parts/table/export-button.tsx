import { Download } from "lucide-react";
import { useMemo } from "react";
import { useHotKeys } from "../../shell/hot-keys.ts";
import { Button } from "../button.tsx";
import { Fault } from "../page.tsx";
import { formatCount } from "../words.ts";
import { type ExportAsked, useExport } from "./use-export.ts";

interface ExportButtonProps<A> extends ExportAsked<A> {
  /** Why the filter cannot stand for all that is shown; null when it can. */
  readonly notAll: string | null;
}

/** Saves all that a filter shows: also by the key `e`. */
export function ExportButton<A>({ notAll, ...asked }: ExportButtonProps<A>) {
  const { count, error, start } = useExport(asked);
  const keys = useMemo(() => (notAll === null ? { e: start } : {}), [notAll, start]);
  useHotKeys(keys);
  return (
    <>
      <Button
        disabled={count !== null || notAll !== null}
        title={notAll ?? undefined}
        onClick={start}
      >
        <Download size={14} aria-hidden />
        {count === null ? "Export" : `Exporting, ${formatCount(count)} so far ...`}
      </Button>
      {error !== null && <Fault error={error} />}
    </>
  );
}
