import type { QueueResource } from "@reprise/protocol";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";

interface QueueDialogProps {
  /** Null makes a new one. */
  readonly queue: QueueResource | null;
  readonly onClose: () => void;
}

export function QueueDialog({ queue, onClose }: QueueDialogProps) {
  const action = useAction("queues");
  const [name, setName] = useState(queue?.name ?? "");
  const [parallelism, setParallelism] = useState(String(queue?.parallelism ?? 1));
  const save = async () => {
    const body = { queueName: name, parallelism: Number(parallelism) };
    if (await action.run(() => ask("/v2/queues", { method: "POST", body }))) onClose();
  };
  return (
    <FormDialog
      title={queue === null ? "New queue" : `Change ${queue.name}`}
      action={action}
      verb="Save"
      onSubmit={save}
      onClose={onClose}
    >
      {queue === null && (
        <Field
          label="Name"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="Letters, digits, . _ and -"
        />
      )}
      <Field
        label="Deliveries at a time"
        type="number"
        required
        value={parallelism}
        onChange={(event) => setParallelism(event.target.value)}
        hint="1 keeps the order"
      />
    </FormDialog>
  );
}
