import type { BulkActionResource } from "@reprise/protocol";
import { ask } from "../api/client.ts";
import { useMayChange } from "../api/session.ts";
import { useAction } from "../api/use-action.ts";
import { Button } from "./button.tsx";
import { formatCount } from "./words.ts";

/** How far a bulk action is; while it goes on it can be stopped. */
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

/** Ends a bulk action before everything is changed. */
export function StopBulkAction({ action }: { readonly action: BulkActionResource }) {
  const mayChange = useMayChange();
  const { isBusy, error, run } = useAction("bulkActions", "messages");
  if (!mayChange || action.state === "FINISHED") return null;
  const path = `/v2/bulkActions/${encodeURIComponent(action.actionId)}`;
  return (
    <span className="inline-flex items-center gap-2">
      <Button
        look="danger"
        className="px-2 py-1"
        disabled={isBusy}
        onClick={() => void run(() => ask(path, { method: "DELETE" }))}
      >
        Stop
      </Button>
      {error !== null && <span className="text-bad">{error.message}</span>}
    </span>
  );
}
