import type { OpenMessageState } from "@reprise/protocol";
import { Ban, CalendarClock, Hourglass, type LucideIcon, Send } from "lucide-react";
import { Badge, type Tone } from "./badge.tsx";

const STATES: Readonly<Record<OpenMessageState, readonly [string, Tone, LucideIcon]>> = {
  SCHEDULED: ["scheduled", "dull", CalendarClock],
  WAITING: ["waiting", "warn", Hourglass],
  ACTIVE: ["active", "calm", Send],
  CANCEL_REQUESTED: ["being cancelled", "warn", Ban],
};

/** Where a message stands that has not ended. */
export function OpenStateBadge({ state }: { readonly state: OpenMessageState }) {
  const [word, tone, icon] = STATES[state];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}
