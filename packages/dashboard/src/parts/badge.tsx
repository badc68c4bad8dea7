import { Ban, Check, CircleDashed, Hourglass, type LucideIcon, RotateCw, X } from "lucide-react";

const TONES = {
  good: "bg-good-soft text-good",
  bad: "bg-bad-soft text-bad",
  warn: "bg-warn-soft text-warn",
  calm: "bg-calm-soft text-calm",
  dull: "bg-raised text-soft",
} as const;
export type Tone = keyof typeof TONES;

interface BadgeProps {
  readonly tone: Tone;
  readonly icon?: LucideIcon;
  readonly children: React.ReactNode;
}

/** Says with a word and an icon what it says with a colour. */
export function Badge({ tone, icon: Icon, children }: BadgeProps) {
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${TONES[tone]}`}
    >
      {Icon !== undefined && <Icon size={12} aria-hidden />}
      {children}
    </span>
  );
}

const STATES: Readonly<Record<string, readonly [string, Tone, LucideIcon]>> = {
  RUN_STARTED: ["running", "calm", CircleDashed],
  RUN_SUCCESS: ["succeeded", "good", Check],
  RUN_FAILED: ["failed", "bad", X],
  RUN_CANCELED: ["cancelled", "dull", Ban],
  STEP_PROGRESS: ["in progress", "calm", CircleDashed],
  STEP_SUCCESS: ["succeeded", "good", Check],
  STEP_RETRY: ["retrying", "warn", RotateCw],
  STEP_FAILED: ["failed", "bad", X],
  STEP_CANCELED: ["cancelled", "dull", Ban],
  CALLBACK_INPROGRESS: ["in progress", "calm", CircleDashed],
  CALLBACK_SUCCESS: ["succeeded", "good", Check],
  CALLBACK_FAIL: ["failed", "bad", X],
  CALLBACK_CANCELED: ["cancelled", "dull", Ban],
  CREATED: ["created", "calm", CircleDashed],
  ACTIVE: ["active", "calm", CircleDashed],
  DELIVERED: ["delivered", "good", Check],
  RETRY: ["retrying", "warn", RotateCw],
  ERROR: ["error", "bad", X],
  FAILED: ["failed", "bad", X],
  IN_PROGRESS: ["in progress", "calm", Hourglass],
  CANCELED: ["cancelled", "dull", Ban],
  CANCEL_REQUESTED: ["being cancelled", "warn", Ban],
};

/** The state of a run, a step, a message or a failure call, in one word. */
export function StateBadge({ state }: { readonly state: string }) {
  const [word, tone, icon] = STATES[state] ?? [state.toLowerCase(), "dull" as const, CircleDashed];
  return (
    <Badge tone={tone} icon={icon}>
      {word}
    </Badge>
  );
}
