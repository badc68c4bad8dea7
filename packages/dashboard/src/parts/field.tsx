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
  readonly className?: string | undefined;
}

/** What ties an input to its name and its hint. */
interface Ties {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
}

interface FrameProps extends Labelled {
  readonly input: (ties: Ties) => ReactNode;
}

/** The name of an input above it, and its hint below. */
function Frame({ label, hint, className, input }: FrameProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {input({ id, "aria-describedby": hintId })}
      {hintId !== undefined && (
        <p id={hintId} className="mt-1 text-xs text-soft">
          {hint}
        </p>
      )}
    </div>
  );
}

type FieldProps = Labelled & InputHTMLAttributes<HTMLInputElement>;

export function Field({ label, hint, className, ...rest }: FieldProps) {
  return (
    <Frame
      {...{ label, hint, className }}
      input={(ties) => <input {...ties} className={BOX} {...rest} />}
    />
  );
}

type TextFieldProps = Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>;

export function TextField({ label, hint, className, ...rest }: TextFieldProps) {
  return (
    <Frame
      {...{ label, hint, className }}
      input={(ties) => <textarea {...ties} className={`${BOX} font-mono`} rows={5} {...rest} />}
    />
  );
}

interface ChoiceProps extends Labelled {
  readonly value: string;
  readonly choices: readonly (readonly [value: string, title: string])[];
  readonly onChoose: (value: string) => void;
}

export function Choice({ label, hint, className, value, choices, onChoose }: ChoiceProps) {
  return (
    <Frame
      {...{ label, hint, className }}
      input={(ties) => (
        <select
          {...ties}
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
      )}
    />
  );
}
