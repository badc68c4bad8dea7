import { When } from "../parts/when.tsx";
import { formatCount, plural } from "../parts/words.ts";
import type { DeadEntry } from "./overrides.ts";
import { type DeadQueue, failedAtOf, type Verb } from "./recovery.ts";
import { saidBy } from "./said.ts";
import type { Preview } from "./use-preview.ts";

interface SampleProps {
  readonly preview: Preview | undefined;
  readonly queue: DeadQueue;
  readonly verb: Verb;
  readonly isNamed: boolean;
}

/** How many are meant, and the newest of them. */
export function Sample({ preview, queue, verb, isNamed }: SampleProps) {
  return (
    <section aria-live="polite" className="min-h-24">
      {preview === undefined ? (
        <p className="text-soft">Counting ...</p>
      ) : (
        <>
          <p className="mb-2">
            <strong>{sentence(preview, queue)}</strong>
            {verb === "callback" && !isNamed && (
              <span className="text-soft"> whose failure function has failed</span>
            )}
            {!isNamed && preview.count > 0 && (
              <span className="text-soft">; what fails from now on is left alone</span>
            )}
          </p>
          <SampleList {...preview} />
        </>
      )}
    </section>
  );
}

function sentence({ count, isExact }: Preview, queue: DeadQueue): string {
  const noun = queue === "workflows" ? "failed run" : "failed message";
  return isExact ? plural(count, noun) : `More than ${plural(count, noun)}`;
}

function SampleList({ sample, count, isExact }: Preview) {
  const more = count - sample.length;
  return (
    <ul className="divide-y divide-line rounded-lg border border-line">
      {sample.map((entry) => (
        <SampleRow key={entry.dlqId} entry={entry} />
      ))}
      {more > 0 && (
        <li className="px-3 py-1.5 text-xs text-soft">
          and {isExact ? "" : "more than "}
          {formatCount(more)} more
        </li>
      )}
    </ul>
  );
}

function SampleRow({ entry }: { readonly entry: DeadEntry }) {
  const failedAt = failedAtOf(entry.dlqId);
  const id = "workflowRunId" in entry ? entry.workflowRunId : entry.messageId;
  const url = "workflowUrl" in entry ? entry.workflowUrl : entry.url;
  const text = saidBy(entry) ?? entry.reason ?? "no reason is known";
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 px-3 py-1.5">
      <span className="truncate" title={url}>
        {url}
      </span>
      <span className="text-xs text-soft">{failedAt !== null && <When at={failedAt} />}</span>
      <span className="truncate text-xs text-soft" title={text}>
        <span className="font-mono">{id}</span> · {text}
      </span>
    </li>
  );
}
