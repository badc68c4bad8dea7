import { Lightbulb } from "lucide-react";
import { causeText } from "../../parts/causes.ts";

interface CauseAdviceProps {
  readonly cause: string | undefined;
  readonly reason: string | undefined;
  /** What the answer says of itself. */
  readonly said: string | null;
}

/** What went wrong, what that means, and what to do. */
export function CauseAdvice({ cause, reason, said }: CauseAdviceProps) {
  const { meaning, advice } = causeText(cause);
  return (
    <div className="rounded-lg bg-raised p-3">
      {said !== null && <p className="font-medium break-words">{said}</p>}
      {reason !== undefined && (
        <p className={`break-words ${said === null ? "font-medium" : "text-soft"}`}>{reason}</p>
      )}
      <p className="mt-1">{meaning}</p>
      <p className="mt-2 flex items-start gap-2">
        <Lightbulb size={14} aria-hidden className="mt-1 shrink-0 text-accent" />
        {advice}
      </p>
    </div>
  );
}
