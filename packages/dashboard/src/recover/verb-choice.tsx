import { useEffect, useId, useRef } from "react";
import { type DeadQueue, VERBS, type Verb } from "./recovery.ts";

interface VerbChoiceProps {
  readonly queue: DeadQueue;
  readonly verb: Verb;
  readonly onChoose: (verb: Verb) => void;
}

export function VerbChoice({ queue, verb: chosen, onChoose }: VerbChoiceProps) {
  const name = useId();
  const chosenRef = useRef<HTMLInputElement>(null);
  // The dialog would begin at its close button.
  useEffect(() => chosenRef.current?.focus(), []);
  return (
    <fieldset>
      <legend className="sr-only">What to do</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {VERBS[queue].map(({ verb, title, explanation }) => {
          const isChosen = verb === chosen;
          const look = isChosen ? "border-accent bg-accent-soft" : "border-line hover:bg-raised";
          return (
            <label
              key={verb}
              className={`flex cursor-pointer items-start gap-2.5 rounded-lg border p-3 ${look} has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-offset-2 has-[:focus-visible]:outline-accent`}
            >
              <input
                type="radio"
                name={name}
                value={verb}
                checked={isChosen}
                {...(isChosen ? { ref: chosenRef } : {})}
                onChange={() => onChoose(verb)}
                className="mt-1 accent-accent"
              />
              <span>
                <span className={`font-medium ${verb === "delete" ? "text-bad" : ""}`}>
                  {title}
                </span>
                <span className="block text-xs text-soft">{explanation}</span>
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
