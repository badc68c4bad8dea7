import { Check, X } from "lucide-react";
import { type MouseEvent, useEffect, useRef } from "react";
import { Button } from "../parts/button.tsx";
import { Fault } from "../parts/page.tsx";
import { formatCount } from "../parts/words.ts";
import type { Outcome, Progress } from "./execute.ts";
import type { VerbText } from "./recovery.ts";

interface RecoverProgressProps {
  readonly total: number;
  readonly progress: Progress;
  readonly isRunning: boolean;
  readonly isStopped: boolean;
  readonly error: Error | null;
  readonly text: VerbText;
  /** A person has tried to close it while it works. */
  readonly isHurried: boolean;
  readonly onStop: () => void;
  readonly onClose: () => void;
}

/** How far it is, and what became of each. */
export function RecoverProgress(props: RecoverProgressProps) {
  const { total, progress, isRunning, isHurried, error, text, onStop, onClose } = props;
  const buttonRef = useRef<HTMLButtonElement>(null);
  // The button that started it is gone: the keyboard goes on at the one that is next.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the button is another one when the work has ended
  useEffect(() => buttonRef.current?.focus(), [isRunning]);
  const handled = progress.done + progress.failed;
  return (
    <div className="space-y-4">
      <p role="status" className="text-base font-medium">
        {sentenceOf(props)}
      </p>
      <progress
        aria-label="Progress"
        value={handled}
        max={Math.max(total, handled, 1)}
        className="h-2 w-full appearance-none overflow-hidden rounded-full bg-raised [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-raised [&::-webkit-progress-value]:bg-accent"
      />
      {isRunning && isHurried && (
        <p role="alert" className="text-warn">
          It is still at work: stop it first, or wait for its end.
        </p>
      )}
      {error !== null && <Fault error={error} />}
      <OutcomeList outcomes={progress.outcomes} past={text.past} isRunning={isRunning} />
      <div className="flex justify-end gap-2">
        {isRunning ? (
          <Button ref={buttonRef} key="stop" look="danger" onClick={once(onStop)}>
            Stop
          </Button>
        ) : (
          <Button ref={buttonRef} key="close" look="primary" onClick={once(onClose)}>
            Close
          </Button>
        )}
      </div>
    </div>
  );
}

/** The second half of a double click was meant for the button that was there before. */
const once = (work: () => void) => (event: MouseEvent) => {
  if (event.detail < 2) work();
};

function sentenceOf({ total, progress, isRunning, isStopped, text }: RecoverProgressProps): string {
  const { done, failed } = progress;
  const rest = total - done - failed;
  const parts = [
    `${formatCount(done)} of ${formatCount(total)} ${text.past}`,
    ...(failed > 0 ? [`${formatCount(failed)} not`] : []),
    ...(isRunning ? ["working ..."] : []),
    ...(isStopped && rest > 0 ? [`stopped; ${formatCount(rest)} left as they are`] : []),
    // A filter passes over what others have handled meanwhile.
    ...(!isRunning && !isStopped && rest > 0 ? [`${formatCount(rest)} were no longer there`] : []),
  ];
  return parts.join(", ");
}

const SHOWN_MAX = 200;

interface OutcomeListProps {
  readonly outcomes: readonly Outcome[];
  readonly past: string;
  readonly isRunning: boolean;
}

function OutcomeList({ outcomes, ...shape }: OutcomeListProps) {
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const made = outcomes.filter(({ error }) => error === undefined);
  const shown = [...failed, ...made.toReversed()].slice(0, SHOWN_MAX);
  if (shown.length === 0) return null;
  return (
    <ul className="max-h-[40vh] divide-y divide-line overflow-y-auto rounded-lg border border-line">
      {shown.map((outcome, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the server names some of them by nothing
        <OutcomeRow key={index} outcome={outcome} {...shape} />
      ))}
      {outcomes.length > shown.length && (
        <li className="px-3 py-1.5 text-xs text-soft">
          and {formatCount(outcomes.length - shown.length)} more
        </li>
      )}
    </ul>
  );
}

interface OutcomeRowProps extends Omit<OutcomeListProps, "outcomes"> {
  readonly outcome: Outcome;
}

function OutcomeRow({ outcome, past, isRunning }: OutcomeRowProps) {
  const { dlqId, runId, messageId, error } = outcome;
  const Icon = error === undefined ? Check : X;
  const id = runId ?? messageId;
  const place = runId === undefined ? "messages" : "runs";
  return (
    <li className="flex items-start gap-2 px-3 py-1.5">
      <Icon
        size={14}
        aria-hidden
        className={`mt-1 shrink-0 ${error === undefined ? "text-good" : "text-bad"}`}
      />
      <span className="min-w-0 break-words">
        {dlqId !== null && <span className="font-mono text-xs text-soft">{dlqId} </span>}
        {error ?? (id === undefined ? past : "is now ")}
        {id !== undefined && (
          <a
            href={`#/${place}/${encodeURIComponent(id)}`}
            // The work goes on in this one.
            target={isRunning ? "_blank" : undefined}
            rel="noopener"
            className="font-mono text-xs text-accent underline"
          >
            {id}
          </a>
        )}
      </span>
    </li>
  );
}
