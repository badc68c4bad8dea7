import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ask } from "../api/client.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Fault } from "../parts/page.tsx";
import { plural } from "../parts/words.ts";
import { CallSnippets } from "./call-snippets.tsx";
import { execute, type Progress } from "./execute.ts";
import { OverrideForm } from "./override-form.tsx";
import { type OverrideValues, toOverrideHeaders } from "./overrides.ts";
import { RecoverProgress } from "./recover-progress.tsx";
import { type DeadQueue, hasOverrides, type Verb, verbText, type What } from "./recovery.ts";
import { Sample } from "./sample.tsx";
import { type Preview, usePreview } from "./use-preview.ts";
import { VerbChoice } from "./verb-choice.tsx";

interface RecoverDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly what: What;
  readonly queue: DeadQueue;
  /** What is chosen at first. */
  readonly verb?: Verb;
}

/** Resumes, restarts, retries or deletes dead letters: says first what will happen to which, then what became of each. */
export function RecoverDialog({ isOpen, onClose, ...rest }: RecoverDialogProps) {
  const [isRunning, setRunning] = useState(false);
  // A person has tried to close it too early.
  const [isHurried, setHurried] = useState(false);
  const title = rest.queue === "workflows" ? "Recover failed runs" : "Recover failed messages";
  return (
    // While it works it is stopped by its button, never by a stray key.
    <Dialog
      isOpen={isOpen}
      onClose={isRunning ? () => setHurried(true) : onClose}
      title={title}
      isWide
      // It gets smaller when it begins to work: the second half of a double click may lie beside it.
      isKept
    >
      <Recover {...rest} isHurried={isHurried} onClose={onClose} onRunning={setRunning} />
    </Dialog>
  );
}

type RecoverProps = Omit<RecoverDialogProps, "isOpen"> & {
  readonly isHurried: boolean;
  readonly onRunning: (isRunning: boolean) => void;
};

interface Work {
  readonly total: number;
  readonly progress: Progress;
  readonly isRunning: boolean;
  readonly isStopped: boolean;
  readonly error: Error | null;
}

function Recover(props: RecoverProps) {
  const { what, queue, verb: verbAtFirst, isHurried, onClose, onRunning } = props;
  const client = useQueryClient();
  const [verb, setVerb] = useState(() => verbText(queue, verbAtFirst ?? "resume").verb);
  const [overrides, setOverrides] = useState<OverrideValues>({});
  const [work, setWork] = useState<Work | null>(null);
  const stopRef = useRef<AbortController | null>(null);
  useLeaving(stopRef, work?.isRunning === true);
  const { data, error, refetch } = usePreview({ what, queue, verb, isEnabled: work === null });
  const recovery = { what, queue, verb, overrides };

  const start = async (preview: Preview) => {
    const stop = new AbortController();
    stopRef.current = stop;
    const change = (next: Partial<Work>) =>
      setWork((now) => (now === null ? null : { ...now, ...next }));
    const progress = { done: 0, failed: 0, outcomes: [] };
    setWork({ total: preview.count, progress, isRunning: true, isStopped: false, error: null });
    onRunning(true);
    const { toDate } = preview;
    const onProgress = (next: Progress) => change({ progress: next });
    try {
      await execute({ ...recovery, toDate, ask, signal: stop.signal, onProgress });
    } catch (fault) {
      change({ error: fault instanceof Error ? fault : new Error(String(fault)) });
    }
    change({ isRunning: false, isStopped: stop.signal.aborted });
    onRunning(false);
    await client.invalidateQueries();
  };

  if (work !== null) {
    const stop = () => stopRef.current?.abort();
    const text = verbText(queue, verb);
    return (
      <RecoverProgress
        {...work}
        text={text}
        isHurried={isHurried}
        onStop={stop}
        onClose={onClose}
      />
    );
  }
  return (
    <Choice
      recovery={recovery}
      preview={data}
      error={error}
      onRetry={() => void refetch()}
      onVerb={setVerb}
      onOverrides={setOverrides}
      onStart={(preview) => void start(preview)}
      onClose={onClose}
    />
  );
}

/** Work that nobody can see any more ends; the browser asks before it closes the page. */
function useLeaving(stop: { readonly current: AbortController | null }, isRunning: boolean): void {
  useEffect(() => () => stop.current?.abort(), [stop]);
  useEffect(() => {
    if (!isRunning) return;
    const hold = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", hold);
    return () => window.removeEventListener("beforeunload", hold);
  }, [isRunning]);
}

interface ChoiceProps {
  readonly recovery: {
    readonly what: What;
    readonly queue: DeadQueue;
    readonly verb: Verb;
    readonly overrides: OverrideValues;
  };
  readonly preview: Preview | undefined;
  readonly error: Error | null;
  readonly onRetry: () => void;
  readonly onVerb: (verb: Verb) => void;
  readonly onOverrides: (values: OverrideValues) => void;
  readonly onStart: (preview: Preview) => void;
  readonly onClose: () => void;
}

function Choice(props: ChoiceProps) {
  const { recovery, preview, error, onRetry, onVerb, onOverrides, onStart, onClose } = props;
  const { queue, verb, overrides, what } = recovery;
  const text = verbText(queue, verb);
  const { problems } = toOverrideHeaders(overrides);
  const hasProblem = hasOverrides(verb) && Object.keys(problems).length > 0;
  const isReady = preview !== undefined && preview.count > 0 && !hasProblem;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady) onStart(preview);
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <VerbChoice queue={queue} verb={verb} onChoose={onVerb} />
      {error !== null && <Fault error={error} onRetry={onRetry} />}
      <Sample preview={preview} queue={queue} verb={verb} isNamed={what.kind === "ids"} />
      {hasOverrides(verb) && (
        <OverrideForm
          queue={queue}
          values={overrides}
          problems={problems}
          preview={preview}
          onChange={onOverrides}
        />
      )}
      <CallSnippets recovery={recovery} />
      <div className="sticky -bottom-5 -mx-5 -mb-5 flex flex-wrap items-center justify-end gap-2 border-t border-line bg-panel px-5 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look={verb === "delete" ? "danger" : "primary"} disabled={!isReady}>
          {text.title}
          {preview !== undefined && ` ${sizeOf(preview, queue)}`}
        </Button>
      </div>
    </form>
  );
}

function sizeOf({ count, isExact }: Preview, queue: DeadQueue): string {
  const noun = queue === "workflows" ? "run" : "message";
  return isExact ? plural(count, noun) : `more than ${plural(count, noun)}`;
}
