import { type FormEvent, useDeferredValue, useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Field, TextField } from "../../parts/field.tsx";
import { Fault } from "../../parts/page.tsx";
import { NextRuns } from "./next-runs.tsx";

const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function NewSchedule({ onClose }: { readonly onClose: () => void }) {
  const action = useAction("schedules");
  const [destination, setDestination] = useState("");
  const [cron, setCron] = useState("0 9 * * 1-5");
  const [zone, setZone] = useState(ownZone());
  const [scheduleId, setScheduleId] = useState("");
  const [body, setBody] = useState("");
  const expression = zone.trim() === "" ? cron : `CRON_TZ=${zone.trim()} ${cron}`;
  const shown = useDeferredValue(expression);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const headers = {
      "Upstash-Cron": expression,
      ...(scheduleId === "" ? {} : { "Upstash-Schedule-Id": scheduleId }),
      ...(body.trim().startsWith("{") ? { "Content-Type": "application/json" } : {}),
    };
    const path = `/v2/schedules/${encodeURIComponent(destination.trim())}`;
    if (await action.run(() => ask(path, { method: "POST", headers, body }))) onClose();
  };
  return (
    <Dialog isOpen onClose={onClose} title="New schedule" isWide>
      <form onSubmit={(event) => void save(event)} className="grid gap-4 sm:grid-cols-2">
        <Field
          label="To"
          required
          className="sm:col-span-2"
          placeholder="https://app.example/report"
          hint="A URL, a workflow's URL or the name of a URL group"
          value={destination}
          onChange={(event) => setDestination(event.target.value)}
        />
        <Field
          label="Cron"
          required
          hint="minute hour day month weekday, or @every 10m"
          value={cron}
          onChange={(event) => setCron(event.target.value)}
        />
        <Field
          label="Time zone"
          hint="Empty means UTC"
          value={zone}
          onChange={(event) => setZone(event.target.value)}
        />
        <Field
          label="Id"
          hint="Optional; a schedule that has it is replaced"
          value={scheduleId}
          onChange={(event) => setScheduleId(event.target.value)}
        />
        <NextRuns expression={shown} />
        <TextField
          label="Body"
          className="sm:col-span-2"
          value={body}
          onChange={(event) => setBody(event.target.value)}
        />
        {action.error !== null && (
          <div className="sm:col-span-2">
            <Fault error={action.error} />
          </div>
        )}
        <div className="flex justify-end gap-2 sm:col-span-2">
          <Button onClick={onClose}>Leave</Button>
          <Button look="primary" type="submit" disabled={action.isBusy}>
            Make
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
