import type { FlowControlResource, GlobalParallelismResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { Pause, Pin, Play, RotateCcw } from "lucide-react";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { type Action, useAction } from "../../api/use-action.ts";
import { useSearchText } from "../../api/use-search-text.ts";
import { Badge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Field } from "../../parts/field.tsx";
import { LineDialog } from "../../parts/line-dialog.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { PinDialog } from "./pin-dialog.tsx";

const pathOf = (key: string, verb: string) => `/v2/flowControl/${encodeURIComponent(key)}/${verb}`;

type Open = { readonly type: "pin" | "line"; readonly flow: FlowControlResource } | null;

export function Page() {
  const mayChange = useMayChange();
  const action = useAction("flowControls");
  const [open, setOpen] = useState<Open>(null);
  const { search = "" } = useSearch({ strict: false }) as Readonly<Record<string, string>>; // Texts by name.
  const [text, setText] = useSearchText("search", search);
  const { data, error, refetch } = useQuery({
    queryKey: [["flowControls", "messages"], "list", search],
    queryFn: ({ signal }) =>
      ask<readonly FlowControlResource[]>("/v2/flowControl", { query: { search }, signal }),
  });
  const close = () => setOpen(null);
  return (
    <>
      <PageHead title="Flow control" detail={<Whole />} />
      <Field
        label="Search"
        data-search
        className="mb-4 max-w-sm"
        placeholder="a part of a key"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {action.error !== null && <Fault error={action.error} />}
      {data?.length === 0 && <NoKeys isSearching={search !== ""} />}
      {data !== undefined && data.length > 0 && (
        <PlainTable
          label="Flow-control keys"
          rows={data}
          keyOf={({ flowControlKey }) => flowControlKey}
          columns={columnsOf({ mayChange, action, show: setOpen })}
        />
      )}
      {open?.type === "line" && (
        <LineDialog
          title={open.flow.flowControlKey}
          query={{ flowControlKey: open.flow.flowControlKey }}
          onClose={close}
        />
      )}
      {open?.type === "pin" && <PinDialog flow={open.flow} onClose={close} />}
    </>
  );
}

function NoKeys({ isSearching }: { readonly isSearching: boolean }) {
  if (isSearching)
    return <Empty title="No key contains this">Search for another part of it.</Empty>;
  return (
    <Empty title="No flow-control key is in use">
      Messages and runs that name the same key share its limits:
      <Snippet command="reprise publish http://127.0.0.1:3000/hook --flow-control-key shop --parallelism 5 --rate 10 --period 1m" />
    </Empty>
  );
}

/** All deliveries together. */
function Whole() {
  const { data } = useQuery({
    queryKey: ["messages", "global parallelism"],
    queryFn: ({ signal }) => ask<GlobalParallelismResource>("/v2/globalParallelism", { signal }),
  });
  if (data === undefined) return "How many at once, and how many in a time.";
  return `${data.parallelismCount} of at most ${data.parallelismMax} deliveries of the server are in flight.`;
}

interface Doing {
  readonly mayChange: boolean;
  readonly action: Action;
  readonly show: (open: Open) => void;
}

function columnsOf({ mayChange, action, show }: Doing): readonly Column<FlowControlResource>[] {
  const columns: Column<FlowControlResource>[] = [
    {
      title: "Key",
      cell: ({ flowControlKey }) => <span className="font-medium break-all">{flowControlKey}</span>,
    },
    { title: "State", cell: (flow) => <FlowState flow={flow} /> },
    {
      title: "Waiting",
      isNumber: true,
      cell: (flow) => (
        <button
          type="button"
          className="text-accent hover:underline"
          aria-label={`${flow.waitListSize}, holders and waiting messages of ${flow.flowControlKey}`}
          onClick={() => show({ type: "line", flow })}
        >
          {flow.waitListSize}
        </button>
      ),
    },
    {
      title: "In flight",
      isNumber: true,
      cell: ({ parallelismCount, parallelismMax }) =>
        `${parallelismCount}${parallelismMax > 0 ? ` of ${parallelismMax}` : ""}`,
    },
    {
      title: "In the period",
      isNumber: true,
      isMinor: true,
      cell: ({ rateCount, rateMax, ratePeriod }) =>
        rateMax > 0 ? `${rateCount} of ${rateMax} in ${ratePeriod} s` : "-",
    },
  ];
  if (!mayChange) return columns;
  const post = (key: string, verb: string) =>
    void action.run(() => ask(pathOf(key, verb), { method: "POST" }));
  const buttons = (flow: FlowControlResource) => (
    <div className="flex justify-end gap-1">
      <Button
        look="quiet"
        isSmall
        disabled={action.isBusy}
        onClick={() => post(flow.flowControlKey, flow.isPaused ? "resume" : "pause")}
      >
        {flow.isPaused ? <Play size={14} aria-hidden /> : <Pause size={14} aria-hidden />}
        {flow.isPaused ? "Resume" : "Pause"}
      </Button>
      <Button look="quiet" isSmall onClick={() => show({ type: "pin", flow })}>
        <Pin size={14} aria-hidden /> Pin
      </Button>
      {flow.rateMax > 0 && (
        <Button
          look="quiet"
          isSmall
          disabled={action.isBusy}
          onClick={() => post(flow.flowControlKey, "resetRate")}
        >
          <RotateCcw size={14} aria-hidden /> Reset rate
        </Button>
      )}
    </div>
  );
  return [...columns, { title: "Actions", isNumber: true, cell: buttons }];
}

function FlowState({ flow }: { readonly flow: FlowControlResource }) {
  const isFull = flow.parallelismMax > 0 && flow.parallelismCount >= flow.parallelismMax;
  return (
    <span className="flex flex-wrap gap-1">
      {flow.isPaused && <Badge tone="warn">paused</Badge>}
      {!flow.isPaused && isFull && <Badge tone="calm">full</Badge>}
      {!flow.isPaused && !isFull && <Badge tone="good">open</Badge>}
      {flow.isPinnedParallelism && <Badge tone="dull">parallelism pinned</Badge>}
      {flow.isPinnedRate && <Badge tone="dull">rate pinned</Badge>}
    </span>
  );
}
