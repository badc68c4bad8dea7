import type { FailureGroup } from "@reprise/protocol";
import { RotateCw } from "lucide-react";
import { Button } from "../../parts/button.tsx";
import { CauseBadge } from "../../parts/cause-badge.tsx";
import { Sparkline } from "../../parts/sparkline.tsx";
import type { TableColumn } from "../../parts/table/columns.ts";
import { UrlLines } from "../../parts/url-text.tsx";
import { formatDuration, When } from "../../parts/when.tsx";
import { formatCount, plural } from "../../parts/words.ts";
import type { DeadQueue } from "../../recover/recovery.ts";

interface GroupColumns {
  readonly queue: DeadQueue;
  /** Null when this person may not change anything. */
  readonly onRecover: ((groupId: string) => void) | null;
}

export function groupColumns({
  queue,
  onRecover,
}: GroupColumns): readonly TableColumn<FailureGroup>[] {
  return [
    {
      id: "what",
      title: "What went wrong",
      width: "minmax(16rem, 3fr)",
      cell: What,
      narrow: "line",
      isFixed: true,
    },
    {
      id: "where",
      title: queue === "workflows" ? "Workflow and step" : "Destination",
      width: "minmax(11rem, 1.5fr)",
      cell: Where,
      narrow: "line",
    },
    { id: "count", title: "Count", width: "4.5rem", isNumber: true, cell: Count, isFixed: true },
    { id: "trend", title: "Over time", width: "7.5rem", cell: Trend, narrow: "none" },
    { id: "seen", title: "Last, first seen", width: "7.5rem", cell: Seen },
    { id: "expires", title: "Expires", width: "5.5rem", cell: Expires, narrow: "none" },
    ...(onRecover === null
      ? []
      : [
          {
            id: "act",
            title: "Actions",
            width: "7.5rem",
            isFixed: true,
            cell: ({ groupId, count }: FailureGroup) => (
              <Button
                className="px-2 py-1"
                aria-label={`Recover ${plural(count, "failure")} of this group`}
                onClick={() => onRecover(groupId)}
              >
                <RotateCw size={13} aria-hidden />
                Recover
              </Button>
            ),
          },
        ]),
  ];
}

function What({ cause, message, responseStatus }: FailureGroup) {
  return (
    <div className="min-w-0">
      <div className="flex items-center gap-2">
        <CauseBadge cause={cause} />
        <span className="text-xs text-soft tabular-nums">
          {responseStatus === null ? "no answer" : `status ${responseStatus}`}
        </span>
      </div>
      <div className="mt-0.5 truncate" title={message}>
        {message}
      </div>
    </div>
  );
}

const Where = ({ url, stepName }: FailureGroup) => <UrlLines url={url} stepName={stepName} />;

function Count({ count }: FailureGroup) {
  return <span className="text-base font-semibold tabular-nums">{formatCount(count)}</span>;
}

function Trend({ buckets, bucketsFrom, lastFailedAt, count }: FailureGroup) {
  const span = formatDuration(Math.max(0, lastFailedAt - bucketsFrom));
  const most = Math.max(0, ...buckets);
  const label = `${plural(count, "failure")} in the ${span} before the last one, at most ${formatCount(most)} in one of ${buckets.length} parts of the time`;
  return <Sparkline counts={buckets} label={label} />;
}

function Seen({ firstFailedAt, lastFailedAt }: FailureGroup) {
  return (
    <div className="tabular-nums">
      <When at={lastFailedAt} />
      <div className="text-xs text-soft">
        <When at={firstFailedAt} />
      </div>
    </div>
  );
}

function Expires({ expiresAt }: FailureGroup) {
  if (expiresAt === null) return <span className="text-soft">all held</span>;
  return (
    <span title="When the first of them leaves the queue">
      <When at={expiresAt} />
    </span>
  );
}
