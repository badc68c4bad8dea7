import type { NotifiedResource } from "@reprise/protocol";
import { type FormEvent, useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field, TextField } from "../../parts/field.tsx";
import { RunLink } from "../../parts/id-link.tsx";
import { Fault } from "../../parts/page.tsx";

interface NotifyDialogProps {
  readonly eventId: string;
  readonly onClose: () => void;
}

export function NotifyDialog({ eventId, onClose }: NotifyDialogProps) {
  const action = useAction("waits", "runs");
  const [event, setEvent] = useState(eventId);
  const [data, setData] = useState("");
  const [notified, setNotified] = useState<readonly NotifiedResource[] | null>(null);
  const send = async (submit: FormEvent) => {
    submit.preventDefault();
    const path = `/v2/notify/${encodeURIComponent(event)}`;
    await action.run(async () => {
      setNotified(await ask<readonly NotifiedResource[]>(path, { method: "POST", body: data }));
    });
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Notify"
      description="Everybody who waits for the event now goes on with this data."
    >
      <form onSubmit={(submit) => void send(submit)} className="grid gap-4">
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
        {action.error !== null && <Fault error={action.error} />}
        {notified !== null && <Notified answer={notified} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Close</Button>
          <Button look="primary" type="submit" disabled={action.isBusy}>
            Notify
          </Button>
        </div>
      </form>
    </Dialog>
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
