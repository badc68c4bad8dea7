import type { FlowControlResource } from "@reprise/protocol";
import { type FormEvent, useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { Fault } from "../../parts/page.tsx";

interface PinDialogProps {
  readonly flow: FlowControlResource;
  readonly onClose: () => void;
}

const orEmpty = (limit: number): string => (limit > 0 ? String(limit) : "");

/** Fixes limits, whatever the next messages bring along. */
export function PinDialog({ flow, onClose }: PinDialogProps) {
  const action = useAction("flowControls");
  const [parallelism, setParallelism] = useState(orEmpty(flow.parallelismMax));
  const [rate, setRate] = useState(orEmpty(flow.rateMax));
  const [period, setPeriod] = useState(orEmpty(flow.ratePeriod));
  const path = `/v2/flowControl/${encodeURIComponent(flow.flowControlKey)}`;
  const end = async (verb: string, query: Readonly<Record<string, string | boolean>>) => {
    if (await action.run(() => ask(`${path}/${verb}`, { method: "POST", query }))) onClose();
  };
  const pin = (event: FormEvent) => {
    event.preventDefault();
    void end("pin", { parallelism, rate, ...(rate === "" ? {} : { period }) });
  };
  const isPinned = flow.isPinnedParallelism || flow.isPinnedRate;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Pin the limits of ${flow.flowControlKey}`}
      description="Pinned limits hold whatever messages bring along, until they are unpinned. Empty fields stay as they are."
    >
      <form onSubmit={pin} className="grid gap-4">
        <Field
          label="At once"
          type="number"
          min={1}
          value={parallelism}
          onChange={(event) => setParallelism(event.target.value)}
        />
        <Field
          label="Starts in a period"
          type="number"
          min={1}
          value={rate}
          onChange={(event) => setRate(event.target.value)}
        />
        <Field
          label="Period, in seconds"
          type="number"
          min={1}
          value={period}
          onChange={(event) => setPeriod(event.target.value)}
        />
        {action.error !== null && <Fault error={action.error} />}
        <div className="flex justify-end gap-2">
          {isPinned && (
            <Button
              className="mr-auto"
              disabled={action.isBusy}
              onClick={() =>
                void end("unpin", {
                  parallelism: flow.isPinnedParallelism,
                  rate: flow.isPinnedRate,
                })
              }
            >
              Unpin
            </Button>
          )}
          <Button onClick={onClose}>Leave</Button>
          <Button look="primary" type="submit" disabled={action.isBusy}>
            Pin
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
