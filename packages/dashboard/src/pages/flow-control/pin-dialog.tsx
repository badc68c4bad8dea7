import type { FlowControlResource } from "@reprise/protocol";
import { useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";

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
  const end = async (verb: string, query: Query) => {
    if (await action.run(() => ask(`${path}/${verb}`, { method: "POST", query }))) onClose();
  };
  const { isPinnedParallelism, isPinnedRate } = flow;
  const unpin = (
    <Button
      disabled={action.isBusy}
      onClick={() => void end("unpin", { parallelism: isPinnedParallelism, rate: isPinnedRate })}
    >
      Unpin
    </Button>
  );
  return (
    <FormDialog
      title={`Pin the limits of ${flow.flowControlKey}`}
      description="Pinned limits hold whatever messages bring along, until they are unpinned. Empty fields stay as they are."
      action={action}
      verb="Pin"
      onSubmit={() => end("pin", { parallelism, rate, period: rate === "" ? "" : period })}
      onClose={onClose}
      {...(isPinnedParallelism || isPinnedRate ? { aside: unpin } : {})}
    >
      <Field
        label="At once"
        type="number"
        value={parallelism}
        onChange={(event) => setParallelism(event.target.value)}
      />
      <Field
        label="Starts in a period"
        type="number"
        value={rate}
        onChange={(event) => setRate(event.target.value)}
      />
      <Field
        label="Period, in seconds"
        type="number"
        value={period}
        onChange={(event) => setPeriod(event.target.value)}
      />
    </FormDialog>
  );
}
