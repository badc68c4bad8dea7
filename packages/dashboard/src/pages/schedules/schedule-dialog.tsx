import type { ScheduleResource } from "@reprise/protocol";
import { StateBadge } from "../../parts/badge.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Facts } from "../../parts/facts.tsx";
import { MessageLink } from "../../parts/id-link.tsx";
import { Instant } from "../../parts/when.tsx";
import { NextRuns } from "./next-runs.tsx";

interface ScheduleDialogProps {
  readonly schedule: ScheduleResource;
  readonly onClose: () => void;
}

const MESSAGE_STATES = {
  SUCCESS: "DELIVERED",
  FAIL: "FAILED",
  IN_PROGRESS: "IN_PROGRESS",
} as const;

export function ScheduleDialog({ schedule, onClose }: ScheduleDialogProps) {
  const { scheduleId, cron, createdAt, lastScheduleStates = {}, body, header } = schedule;
  const made = Object.entries(lastScheduleStates);
  return (
    <Dialog isOpen onClose={onClose} title={scheduleId} isWide>
      <div className="grid gap-5">
        <Facts
          facts={[
            ["Cron", <code key="cron">{cron}</code>],
            ["To", `${schedule.method} ${schedule.destination}`],
            ["Retries", schedule.retries],
            ["Queue", schedule.queueName],
            ["Flow control", schedule.flowControlKey],
            ["Callback", schedule.callback],
            ["Failure callback", schedule.failureCallback],
            ["Made", <Instant key="made" at={createdAt} />],
            ["Made from", schedule.callerIP],
            [
              "Headers",
              Object.entries(header ?? {})
                .map(([name, values]) => `${name}: ${values.join(", ")}`)
                .join("\n"),
            ],
            ["Body", body],
          ]}
        />
        {!schedule.isPaused && <NextRuns expression={cron} anchor={createdAt} />}
        {made.length > 0 && (
          <section>
            <h3 className="font-medium">Messages of the last tick</h3>
            <ul className="mt-1 divide-y divide-line">
              {made.map(([messageId, state]) => (
                <li key={messageId} className="flex items-center gap-3 py-1.5">
                  <MessageLink id={messageId} />
                  <StateBadge state={MESSAGE_STATES[state]} />
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </Dialog>
  );
}
