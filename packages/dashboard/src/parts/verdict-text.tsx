import { RunLink } from "./id-link.tsx";
import type { Word } from "./verdict.ts";
import { describeInstant, formatDuration, formatInstant, useNow, useZone } from "./when.tsx";

/** A sentence with its instants, names and runs. */
export function VerdictText({ words }: { readonly words: readonly Word[] }) {
  return (
    <>
      {words.map((word, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the words of a sentence have no other name
        <WordText key={index} word={word} />
      ))}
    </>
  );
}

function WordText({ word }: { readonly word: Word }) {
  if (typeof word === "string") return word;
  if ("at" in word) return <Moment at={word.at} />;
  if ("lastingMs" in word)
    return <span className="tabular-nums">{formatDuration(word.lastingMs)}</span>;
  if ("runId" in word) return <RunLink id={word.runId} />;
  return (
    <code className="rounded bg-raised px-1 font-mono text-[0.92em] break-all">{word.code}</code>
  );
}

/** A date, and how far away it is: a wait is about both. */
function Moment({ at }: { readonly at: number }) {
  const zone = useZone();
  const awayMs = at - useNow();
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={describeInstant(at)}
      className="tabular-nums"
    >
      {formatInstant(at, zone)}
      {awayMs > 0 ? ` (in ${formatDuration(awayMs)})` : ""}
    </time>
  );
}
