import type { QueueResource } from "@reprise/protocol";
import { type FormEvent, useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Field } from "../../parts/field.tsx";
import { FormEnd } from "../../parts/form-end.tsx";

interface QueueDialogProps {
  /** Null makes a new one. */
  readonly queue: QueueResource | null;
  readonly onClose: () => void;
}

export function QueueDialog({ queue, onClose }: QueueDialogProps) {
  const action = useAction("queues");
  const [name, setName] = useState(queue?.name ?? "");
  const [parallelism, setParallelism] = useState(String(queue?.parallelism ?? 1));
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const body = { queueName: name, parallelism: Number(parallelism) };
    if (await action.run(() => ask("/v2/queues", { method: "POST", body }))) onClose();
  };
  return (
    <Dialog isOpen onClose={onClose} title={queue === null ? "New queue" : `Change ${queue.name}`}>
      <form onSubmit={(event) => void save(event)} className="grid gap-4">
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
          min={1}
          required
          value={parallelism}
          onChange={(event) => setParallelism(event.target.value)}
          hint="1 keeps the order"
        />
        <FormEnd action={action} verb="Save" onClose={onClose} />
      </form>
    </Dialog>
  );
}
