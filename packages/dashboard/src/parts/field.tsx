import {
  type InputHTMLAttributes,
  type ReactNode,
  type TextareaHTMLAttributes,
  useId,
} from "react";

const BOX =
  "mt-1 w-full rounded-md border border-line bg-ground px-3 py-1.5 aria-invalid:border-bad placeholder:text-soft";

interface Labelled {
  readonly label: string;
  readonly hint?: ReactNode;
}

/** An input with its name above and its hint below. */
export function Field({
  label,
  hint,
  className = "",
  ...rest
}: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className={BOX}
        {...rest}
      />
      <Hint id={`${id}-hint`}>{hint}</Hint>
    </div>
  );
}

export function TextField({
  label,
  hint,
  className = "",
  ...rest
}: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <textarea
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className={`${BOX} font-mono`}
        rows={5}
        {...rest}
      />
      <Hint id={`${id}-hint`}>{hint}</Hint>
    </div>
  );
}

interface ChoiceProps extends Labelled {
  readonly value: string;
  readonly choices: readonly (readonly [value: string, title: string])[];
  readonly onChoose: (value: string) => void;
  readonly className?: string;
}

export function Choice({ label, hint, value, choices, onChoose, className = "" }: ChoiceProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <select
        id={id}
        value={value}
        onChange={(event) => onChoose(event.target.value)}
        className={BOX}
      >
        {choices.map(([choice, title]) => (
          <option key={choice} value={choice}>
            {title}
          </option>
        ))}
      </select>
      <Hint id={`${id}-hint`}>{hint}</Hint>
    </div>
  );
}

function Hint({ id, children }: { readonly id: string; readonly children: ReactNode }) {
  if (children === undefined) return null;
  return (
    <p id={id} className="mt-1 text-xs text-soft">
      {children}
    </p>
  );
}
