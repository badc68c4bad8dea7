import type { BulkActionResource, BulkCancelAnswer, MatchCount } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { BulkProgress, StopBulkAction } from "../../parts/bulk-progress.tsx";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/page.tsx";
import { plural } from "../../parts/words.ts";

/** The messages that are meant. */
export type Cancelled =
  | { readonly kind: "ids"; readonly messageIds: readonly string[] }
  | { readonly kind: "filter"; readonly query: Query };

interface CancelMessagesProps {
  readonly what: Cancelled;
  readonly onClose: () => void;
}

interface Done {
  readonly cancelled: number;
  /** Goes on in the background of the server; null when it is over. */
  readonly actionId: string | null;
}

/** Cancels messages: says how many, then how far it is. */
export function CancelMessages({ what, onClose }: CancelMessagesProps) {
  const [done, setDone] = useState<Done | null>(null);
  const { isBusy, error, run } = useAction("messages", "bulkActions");
  const count = useCount(what, done === null);
  const cancel = async () => setDone(await cancelMessages(what));
  const isNone = count.data !== undefined && count.data.count === 0;
  return (
    <Dialog isOpen onClose={onClose} title="Cancel messages">
      {done === null ? (
        <p aria-live="polite">
          {count.data === undefined ? (
            "Counting ..."
          ) : (
            <>
              <strong>
                {count.data.isExact ? "" : "More than "}
                {plural(count.data.count, "message")}
              </strong>{" "}
              will not be delivered any more. An attempt that is under way is the last one.
            </>
          )}
        </p>
      ) : done.actionId === null ? (
        <p role="status">{plural(done.cancelled, "message")} cancelled.</p>
      ) : (
        <CancelProgress actionId={done.actionId} />
      )}
      {(error ?? count.error) !== null && (
        <div className="mt-3">
          <Fault error={error ?? count.error ?? new Error("it failed")} />
        </div>
      )}
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>{done === null ? "Keep them" : "Close"}</Button>
        {done === null && (
          <Button
            look="danger"
            disabled={isBusy || isNone || count.data === undefined}
            onClick={() => void run(cancel)}
          >
            Cancel {count.data === undefined ? "" : plural(count.data.count, "message")}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function useCount(what: Cancelled, isEnabled: boolean) {
  return useQuery({
    queryKey: ["messages", "cancel-count", what],
    queryFn: async ({ signal }): Promise<MatchCount> => {
      if (what.kind === "ids") return { count: what.messageIds.length, isExact: true };
      // Those that are being cancelled already are not meant.
      const query = { ...what.query, state: "SCHEDULED,WAITING,ACTIVE" };
      return await ask<MatchCount>("/v2/messages/count", { query, signal });
    },
    enabled: isEnabled,
  });
}

/** The most that one request names. */
const PART_SIZE = 500;

async function cancelMessages(what: Cancelled): Promise<Done> {
  const path = "/v2/messages";
  if (what.kind === "filter") {
    const query = { ...what.query, async: true };
    const { cancelled, actionId } = await ask<BulkCancelAnswer>(path, { method: "DELETE", query });
    return { cancelled, actionId: actionId ?? null };
  }
  let cancelled = 0;
  for (let start = 0; start < what.messageIds.length; start += PART_SIZE) {
    const messageIds = what.messageIds.slice(start, start + PART_SIZE);
    const answer = await ask<BulkCancelAnswer>(path, { method: "DELETE", body: { messageIds } });
    cancelled += answer.cancelled;
  }
  return { cancelled, actionId: null };
}

const POLL_MS = 500;

function CancelProgress({ actionId }: { readonly actionId: string }) {
  const { data, error } = useQuery({
    queryKey: ["bulkActions", actionId],
    queryFn: ({ signal }) =>
      ask<BulkActionResource>(`/v2/bulkActions/${encodeURIComponent(actionId)}`, { signal }),
    refetchInterval: ({ state }) => (state.data?.state === "FINISHED" ? false : POLL_MS),
  });
  if (error !== null) return <Fault error={error} />;
  if (data === undefined) return <p>Working ...</p>;
  return (
    <div className="space-y-3">
      <BulkProgress action={data} />
      <StopBulkAction action={data} />
    </div>
  );
}
