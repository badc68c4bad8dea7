import { ChevronRight } from "lucide-react";
import { useId } from "react";
import { type OverrideValues, overrideFields, placeholderOf } from "./overrides.ts";
import type { DeadQueue } from "./recovery.ts";
import type { Preview } from "./use-preview.ts";

interface OverrideFormProps {
  readonly queue: DeadQueue;
  readonly values: OverrideValues;
  readonly problems: OverrideValues;
  readonly preview: Preview | undefined;
  readonly onChange: (values: OverrideValues) => void;
}

/** Other settings for what is made anew. What is left empty stays. */
export function OverrideForm({ queue, values, problems, preview, onChange }: OverrideFormProps) {
  const id = useId();
  const count = Object.values(values).filter((value) => value.trim() !== "").length;
  const sample = preview?.sample ?? [];
  const isComplete = preview !== undefined && sample.length === preview.count;
  return (
    <details className="group rounded-lg border border-line">
      <summary className="flex cursor-pointer list-none items-center gap-1.5 px-3 py-2 font-medium">
        <ChevronRight size={14} aria-hidden className="group-open:rotate-90" />
        Other settings
        <span className="font-normal text-soft">
          {count === 0 ? "each keeps its own" : `${count} changed`}
        </span>
      </summary>
      <div className="grid gap-x-4 gap-y-3 border-t border-line p-3 sm:grid-cols-2 md:grid-cols-3">
        {overrideFields(queue).map(({ name, title, hint }) => {
          const problem = problems[name];
          return (
            <div key={name}>
              <label htmlFor={`${id}${name}`} className="text-xs font-medium">
                {title}
              </label>
              <input
                id={`${id}${name}`}
                value={values[name] ?? ""}
                placeholder={placeholderOf(sample, name, isComplete)}
                autoComplete="off"
                spellCheck={false}
                aria-invalid={problem !== undefined}
                aria-describedby={`${id}${name}-hint`}
                onChange={(event) => onChange({ ...values, [name]: event.target.value })}
                className="mt-0.5 block w-full rounded-md border border-line bg-ground px-2 py-1 placeholder:text-soft aria-invalid:border-bad"
              />
              <span
                id={`${id}${name}-hint`}
                className={`text-xs ${problem === undefined ? "text-soft" : "text-bad"}`}
              >
                {problem ?? hint}
              </span>
            </div>
          );
        })}
      </div>
    </details>
  );
}
