import type { FailureFunctionResource, RunResource } from "@reprise/protocol";
import { ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Button } from "../../parts/button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { MessageLink } from "../../parts/id-link.tsx";
import { Empty, Fault, Panel } from "../../parts/page.tsx";
import { describeError } from "../../parts/run-story.ts";
import { Instant, When } from "../../parts/when.tsx";

interface FailurePanelProps {
  readonly run: RunResource;
  readonly onRerun: () => void;
}

/** Where the call of the failure function stands, what it answered, and what it was told. */
export function FailurePanel({ run, onRerun }: FailurePanelProps) {
  const call = run.failureFunction;
  if (call === undefined) {
    return (
      <Empty title="Nobody was told">
        {run.workflowState === "RUN_FAILED"
          ? "This run has neither a failure function nor a failure URL. Give serve() a failureFunction to have your app told."
          : "A failure function is called when a run has failed for good."}
      </Empty>
    );
  }
  return (
    <div className="space-y-4">
      <Panel>
        <Call call={call} onRerun={onRerun} />
      </Panel>
      {call.responseStatus !== undefined && (
        <Panel title={`It answered ${call.responseStatus === 0 ? "nothing" : call.responseStatus}`}>
          <div className="space-y-3">
            <BodyView title="Body" text={call.responseBody ?? ""} headers={call.responseHeaders} />
            {call.responseHeaders !== undefined && (
              <HeaderList title="Headers" headers={call.responseHeaders} />
            )}
          </div>
        </Panel>
      )}
      <Panel title={`It was told: ${call.failStatus === 0 ? "no answer" : call.failStatus}`}>
        <div className="space-y-3">
          <BodyView title="Body" text={call.failResponse} headers={call.failHeaders} />
          <HeaderList title="Headers" headers={call.failHeaders} />
        </div>
      </Panel>
    </div>
  );
}

interface CallProps {
  readonly call: FailureFunctionResource;
  readonly onRerun: () => void;
}

function Call({ call, onRerun }: CallProps) {
  const mayChange = useMayChange();
  const action = useAction("runs", "deadLetters");
  const giveUp = () =>
    ask(`/v2/workflows/dlq/callback/${encodeURIComponent(call.dlqId)}`, { method: "DELETE" });
  const { state, errors = [], nextDeliveryTime } = call;
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <h2 className="font-semibold">Failure function</h2>
        <StateBadge state={state} />
        {mayChange && state === "CALLBACK_FAIL" && (
          <Button className="ml-auto" onClick={onRerun}>
            Re-run
          </Button>
        )}
        {mayChange && state === "CALLBACK_INPROGRESS" && (
          <Button
            className="ml-auto"
            disabled={action.isBusy}
            onClick={() => void action.run(giveUp)}
          >
            Give up
          </Button>
        )}
      </div>
      {action.error !== null && <Fault error={action.error} />}
      <Facts
        facts={[
          ["URL", call.url],
          ["Message", <MessageLink key="m" id={call.messageId} />],
          ["Retries", call.maxRetries],
          [
            "Next attempt",
            nextDeliveryTime === undefined ? undefined : <When key="n" at={nextDeliveryTime} />,
          ],
        ]}
      />
      {errors.length > 0 && (
        <ol className="mt-3 space-y-1">
          {errors.map((error) => (
            <li key={error.time} className="break-words">
              <Instant isExact at={error.time} />{" "}
              <span className="text-bad">{describeError(error)}</span>
              {error.reason !== undefined && <span className="text-soft"> · {error.reason}</span>}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
