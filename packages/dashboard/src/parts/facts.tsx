import type { ReactNode } from "react";

interface FactsProps {
  /** What has no value is left out. */
  readonly facts: readonly (readonly [name: string, value: ReactNode])[];
}

/** Names and values, one under the other. */
export function Facts({ facts }: FactsProps) {
  const isGiven = (value: ReactNode) =>
    value !== undefined && value !== null && value !== "" && value !== false;
  const given = facts.filter(([, value]) => isGiven(value));
  return (
    <dl className="grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 gap-y-1.5">
      {given.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-soft">{name}</dt>
          <dd className="min-w-0 break-words whitespace-pre-wrap">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
