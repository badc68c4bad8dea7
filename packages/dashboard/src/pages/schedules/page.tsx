import type { ScheduleResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Pause, Play, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { Badge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { UrlText } from "../../parts/url-text.tsx";
import { When } from "../../parts/when.tsx";
import { NewSchedule } from "./new-schedule.tsx";
import { ScheduleDialog } from "./schedule-dialog.tsx";

const pathOf = (id: string) => `/v2/schedules/${encodeURIComponent(id)}`;

type Open =
  | { readonly type: "show" | "delete"; readonly schedule: ScheduleResource }
  | { readonly type: "new" }
  | null;

export function Page() {
  const mayChange = useMayChange();
  const action = useAction("schedules");
  const [open, setOpen] = useState<Open>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ["schedules", "list"],
    queryFn: ({ signal }) => ask<readonly ScheduleResource[]>("/v2/schedules", { signal }),
  });
  const close = () => setOpen(null);
  const turn = ({ scheduleId, isPaused }: ScheduleResource) =>
    void action.run(() =>
      ask(`${pathOf(scheduleId)}/${isPaused ? "resume" : "pause"}`, { method: "POST" }),
    );
  const newButton = (
    <Button look="primary" onClick={() => setOpen({ type: "new" })}>
      <Plus size={14} aria-hidden /> New schedule
    </Button>
  );
  return (
    <>
      <PageHead
        title="Schedules"
        detail="Messages and runs by the clock."
        actions={mayChange && newButton}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {action.error !== null && <Fault error={action.error} />}
      {data?.length === 0 && (
        <Empty title="There is no schedule yet">
          Make one here, or at the shell:
          <Snippet command='reprise schedules create http://127.0.0.1:3000/report --cron "0 9 * * *"' />
        </Empty>
      )}
      {data !== undefined && data.length > 0 && (
        <PlainTable
          label="Schedules"
          rows={data}
          keyOf={({ scheduleId }) => scheduleId}
          columns={columnsOf({ mayChange, isBusy: action.isBusy, turn, show: setOpen })}
        />
      )}
      {open?.type === "new" && <NewSchedule onClose={close} />}
      {open?.type === "show" && <ScheduleDialog schedule={open.schedule} onClose={close} />}
      {open?.type === "delete" && (
        <Confirm
          isOpen
          onClose={close}
          title={`Delete the schedule ${open.schedule.scheduleId}?`}
          verb="Delete"
          action={action}
          work={() => ask(pathOf(open.schedule.scheduleId), { method: "DELETE" })}
        >
          Messages that it has made already are delivered all the same.
        </Confirm>
      )}
    </>
  );
}

interface Doing {
  readonly mayChange: boolean;
  readonly isBusy: boolean;
  readonly turn: (schedule: ScheduleResource) => void;
  readonly show: (open: Open) => void;
}

function columnsOf({ mayChange, isBusy, turn, show }: Doing): readonly Column<ScheduleResource>[] {
  const columns: Column<ScheduleResource>[] = [
    {
      title: "Schedule",
      cell: (schedule) => (
        <button
          type="button"
          className="text-left font-medium break-all text-accent hover:underline"
          onClick={() => show({ type: "show", schedule })}
        >
          {schedule.scheduleId}
        </button>
      ),
    },
    {
      title: "Cron",
      cell: ({ cron }) => <code className="font-mono text-xs md:whitespace-nowrap">{cron}</code>,
    },
    {
      title: "Next",
      cell: ({ isPaused, nextScheduleTime }) => {
        if (isPaused) return <Badge tone="warn">paused</Badge>;
        return nextScheduleTime === undefined ? "never" : <When at={nextScheduleTime} />;
      },
    },
    {
      title: "Last",
      isMinor: true,
      cell: ({ lastScheduleTime }) =>
        lastScheduleTime === undefined ? "-" : <When at={lastScheduleTime} />,
    },
    { title: "Of the last", cell: (schedule) => <LastTick schedule={schedule} /> },
    {
      title: "To",
      isMinor: true,
      cell: ({ destination }) => <UrlText url={destination} />,
    },
  ];
  if (!mayChange) return columns;
  const buttons = (schedule: ScheduleResource) => (
    <div className="flex justify-end gap-1">
      <Button look="quiet" isSmall disabled={isBusy} onClick={() => turn(schedule)}>
        {schedule.isPaused ? <Play size={14} aria-hidden /> : <Pause size={14} aria-hidden />}
        {schedule.isPaused ? "Resume" : "Pause"}
      </Button>
      <Button
        look="quiet"
        isSmall
        aria-label={`Delete ${schedule.scheduleId}`}
        onClick={() => show({ type: "delete", schedule })}
      >
        <Trash2 size={14} aria-hidden />
      </Button>
    </div>
  );
  return [...columns, { title: "Actions", isNumber: true, cell: buttons }];
}

const TICK_TONES = { SUCCESS: "good", FAIL: "bad", IN_PROGRESS: "calm" } as const;
const TICK_WORDS = { SUCCESS: "delivered", FAIL: "failed", IN_PROGRESS: "in progress" } as const;

function LastTick({ schedule }: { readonly schedule: ScheduleResource }) {
  const { error, lastScheduleStates = {} } = schedule;
  if (error !== undefined) return <span className="text-bad">{error}</span>;
  const counts = Map.groupBy(Object.values(lastScheduleStates), (state) => state);
  if (counts.size === 0) return "-";
  return (
    <span className="flex flex-wrap gap-1">
      {[...counts].map(([state, all]) => (
        <Badge key={state} tone={TICK_TONES[state]}>
          {all.length} {TICK_WORDS[state]}
        </Badge>
      ))}
    </span>
  );
}
