import type { BulkActionResource } from "@reprise/protocol";
import { formatCount } from "./words.ts";

/** How far a bulk action is. */
export function BulkProgress({ action }: { readonly action: BulkActionResource }) {
  const { processed, total, state } = action;
  return (
    <div className="min-w-40">
      <div role="status" className="flex justify-between gap-3 text-xs tabular-nums">
        <span>
          {formatCount(processed)} of {formatCount(total)}
        </span>
        <span className="text-soft">{state === "FINISHED" ? "finished" : "working ..."}</span>
      </div>
      <progress
        aria-label="Progress"
        value={state === "FINISHED" ? 1 : processed}
        max={state === "FINISHED" ? 1 : Math.max(total, 1)}
        className="mt-1 block h-1.5 w-full appearance-none overflow-hidden rounded-full bg-raised [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-raised [&::-webkit-progress-value]:bg-accent"
      />
    </div>
  );
}
