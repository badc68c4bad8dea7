import type { DeadLetterResource } from "@reprise/protocol";
import { ask } from "../../api/client.ts";
import { useAction } from "../../api/use-action.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Button } from "../../parts/button.tsx";
import { Fault } from "../../parts/page.tsx";

interface FailureFunctionProps {
  readonly entry: DeadLetterResource;
  readonly mayChange: boolean;
  readonly onRerun: () => void;
}

/** Where the call of the failure function stands, and what it answered. */
export function FailureFunction({ entry, mayChange, onRerun }: FailureFunctionProps) {
  const { isBusy, error, run } = useAction("deadLetters");
  const { failureFunctionState: state, failureCallbackInfo: info, dlqId } = entry;
  if (state === undefined) {
    return <p className="text-soft">This run has no failure function.</p>;
  }
  const giveUp = () =>
    ask(`/v2/workflows/dlq/callback/${encodeURIComponent(dlqId)}`, { method: "DELETE" });
  return (
    <section className="rounded-lg border border-line p-3">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="font-semibold">Failure function</h3>
        <StateBadge state={state} />
        {info?.responseStatus !== undefined && (
          <span className="text-xs text-soft">answered {info.responseStatus}</span>
        )}
        {mayChange && state === "CALLBACK_FAIL" && (
          <Button className="ml-auto px-2 py-1" onClick={onRerun}>
            Re-run
          </Button>
        )}
        {mayChange && state === "CALLBACK_INPROGRESS" && (
          <Button className="ml-auto px-2 py-1" disabled={isBusy} onClick={() => void run(giveUp)}>
            Give up
          </Button>
        )}
      </div>
      {error !== null && <Fault error={error} />}
      {info?.responseBody !== undefined && (
        <div className="mt-2">
          <BodyView
            title="Its answer"
            text={info.responseBody}
            base64={undefined}
            headers={info.responseHeaders}
          />
        </div>
      )}
    </section>
  );
}
