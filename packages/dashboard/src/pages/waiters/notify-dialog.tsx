import type { NotifiedResource } from "@reprise/protocol";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Field, TextField } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { RunLink } from "../../parts/id-link.tsx";

interface NotifyDialogProps {
  readonly eventId: string;
  readonly onClose: () => void;
}

export function NotifyDialog({ eventId, onClose }: NotifyDialogProps) {
  const action = useAction("waits", "runs");
  const [event, setEvent] = useState(eventId);
  const [data, setData] = useState("");
  const [notified, setNotified] = useState<readonly NotifiedResource[] | null>(null);
  const send = async () => {
    const path = `/v2/notify/${encodeURIComponent(event)}`;
    setNotified(null);
    await action.run(async () => {
      setNotified(await ask<readonly NotifiedResource[]>(path, { method: "POST", body: data }));
    });
  };
  return (
    <FormDialog
      title="Notify"
      description="Everybody who waits for the event now goes on with this data."
      action={action}
      verb="Notify"
      leave="Close"
      onSubmit={send}
      onClose={onClose}
    >
      <Field
        label="Event"
        required
        value={event}
        onChange={(change) => setEvent(change.target.value)}
      />
      <TextField
        label="Data"
        hint="Text or JSON; may be empty"
        value={data}
        onChange={(change) => setData(change.target.value)}
      />
      {notified !== null && <Notified answer={notified} />}
    </FormDialog>
  );
}

function Notified({ answer }: { readonly answer: readonly NotifiedResource[] }) {
  if (answer.length === 0) return <p role="status">Nobody waited for it.</p>;
  return (
    <div role="status">
      <p>{answer.length === 1 ? "One run goes on:" : `${answer.length} runs go on:`}</p>
      <ul>
        {answer.map(({ workflowRunId }) => (
          <li key={workflowRunId}>
            <RunLink id={workflowRunId} />
          </li>
        ))}
      </ul>
    </div>
  );
}
