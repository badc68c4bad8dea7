import { useDeferredValue, useState } from "react";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { Field, TextField } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
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
  const save = async () => {
    const headers = {
      "Upstash-Cron": expression,
      ...(scheduleId === "" ? {} : { "Upstash-Schedule-Id": scheduleId }),
      ...(body.trim().startsWith("{") ? { "Content-Type": "application/json" } : {}),
    };
    const path = `/v2/schedules/${encodeURIComponent(destination.trim())}`;
    if (await action.run(() => ask(path, { method: "POST", headers, body }))) onClose();
  };
  return (
    <FormDialog
      title="New schedule"
      isWide
      action={action}
      verb="Make"
      onSubmit={save}
      onClose={onClose}
    >
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
    </FormDialog>
  );
}
