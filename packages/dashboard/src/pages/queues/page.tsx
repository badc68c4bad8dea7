import type { QueueResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Pause, Play, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { Badge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { LineDialog } from "../../parts/line-dialog.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { When } from "../../parts/when.tsx";
import { QueueDialog } from "./queue-dialog.tsx";

const pathOf = (name: string) => `/v2/queues/${encodeURIComponent(name)}`;

type Open =
  | { readonly type: "edit" | "delete" | "line"; readonly queue: QueueResource }
  | "new"
  | null;

export function Page() {
  const mayChange = useMayChange();
  const action = useAction("queues");
  const [open, setOpen] = useState<Open>(null);
  const { data, error, refetch } = useQuery({
    queryKey: [["queues", "messages"], "queues"],
    queryFn: ({ signal }) => ask<readonly QueueResource[]>("/v2/queues", { signal }),
  });
  const turn = ({ name, paused }: QueueResource) =>
    void action.run(() =>
      ask(`${pathOf(name)}/${paused ? "resume" : "pause"}`, { method: "POST" }),
    );
  const newButton = (
    <Button look="primary" onClick={() => setOpen("new")}>
      <Plus size={14} aria-hidden /> New queue
    </Button>
  );
  const close = () => setOpen(null);
  return (
    <>
      <PageHead
        title="Queues"
        detail="Lines of messages that are delivered in order, so many at a time."
        actions={mayChange && newButton}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {action.error !== null && <Fault error={action.error} />}
      {data?.length === 0 && (
        <Empty title="There is no queue yet">
          Make one here, or with its first message:
          <Snippet command="reprise publish http://127.0.0.1:3000/send --queue mail --body hello" />
        </Empty>
      )}
      {data !== undefined && data.length > 0 && (
        <PlainTable
          label="Queues"
          rows={data}
          keyOf={({ name }) => name}
          columns={columnsOf({ mayChange, isBusy: action.isBusy, turn, show: setOpen })}
        />
      )}
      {open === "new" && <QueueDialog queue={null} onClose={close} />}
      {open !== null && open !== "new" && open.type === "edit" && (
        <QueueDialog queue={open.queue} onClose={close} />
      )}
      {open !== null && open !== "new" && open.type === "line" && (
        <LineDialog
          title={open.queue.name}
          query={{ queueName: open.queue.name }}
          onClose={close}
        />
      )}
      {open !== null && open !== "new" && (
        <Confirm
          isOpen={open.type === "delete"}
          onClose={close}
          title={`Delete the queue ${open.queue.name}?`}
          verb="Delete"
          action={action}
          work={() => ask(pathOf(open.queue.name), { method: "DELETE" })}
        >
          {open.queue.lag === 0
            ? "It is empty."
            : `Its ${open.queue.lag} messages that are not finished are deleted with it.`}
        </Confirm>
      )}
    </>
  );
}

interface Doing {
  readonly mayChange: boolean;
  readonly isBusy: boolean;
  readonly turn: (queue: QueueResource) => void;
  readonly show: (open: Open) => void;
}

function columnsOf({ mayChange, isBusy, turn, show }: Doing): readonly Column<QueueResource>[] {
  const columns: Column<QueueResource>[] = [
    {
      title: "Queue",
      cell: ({ name }) => (
        <a
          href={`#/messages?queue=${encodeURIComponent(name)}`}
          className="font-medium text-accent hover:underline"
        >
          {name}
        </a>
      ),
    },
    {
      title: "State",
      cell: ({ paused }) =>
        paused ? <Badge tone="warn">paused</Badge> : <Badge tone="good">running</Badge>,
    },
    {
      title: "Not finished",
      isNumber: true,
      cell: (queue) => (
        <button
          type="button"
          className="text-accent hover:underline"
          aria-label={`${queue.lag}, holders and waiting messages of ${queue.name}`}
          onClick={() => show({ type: "line", queue })}
        >
          {queue.lag}
        </button>
      ),
    },
    { title: "At a time", isNumber: true, cell: ({ parallelism }) => parallelism },
    { title: "Changed", isMinor: true, cell: ({ updatedAt }) => <When at={updatedAt} /> },
  ];
  if (!mayChange) return columns;
  const buttons = (queue: QueueResource) => (
    <div className="flex justify-end gap-1">
      <Button look="quiet" isSmall disabled={isBusy} onClick={() => turn(queue)}>
        {queue.paused ? <Play size={14} aria-hidden /> : <Pause size={14} aria-hidden />}
        {queue.paused ? "Resume" : "Pause"}
      </Button>
      <Button look="quiet" isSmall onClick={() => show({ type: "edit", queue })}>
        Change
      </Button>
      <Button
        look="quiet"
        isSmall
        aria-label={`Delete ${queue.name}`}
        onClick={() => show({ type: "delete", queue })}
      >
        <Trash2 size={14} aria-hidden />
      </Button>
    </div>
  );
  return [...columns, { title: "Actions", isNumber: true, cell: buttons }];
}
