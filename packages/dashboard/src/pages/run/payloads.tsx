import type { RunResource } from "@reprise/protocol";
import { BodyView } from "../../parts/body-view.tsx";
import { CurlButton } from "../../parts/curl-button.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { Panel } from "../../parts/page.tsx";
import { placeSteps } from "../../parts/run-story.ts";

/** What went in, and what came out. */
export function Payloads({ run }: { readonly run: RunResource }) {
  const first = placeSteps(run).find(({ step }) => step.stepType === "Initial")?.step;
  const payload = first !== undefined && "out" in first ? (first.out ?? "") : "";
  const headers = first?.headers ?? {};
  const request = { method: "POST", url: run.workflowUrl, headers, text: payload };
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Panel title="Payload">
        <div className="space-y-3">
          <BodyView title="Body" text={payload} headers={headers} />
          <HeaderList title="Headers" headers={headers} />
          <CurlButton request={request} />
        </div>
      </Panel>
      <Panel title="Result">
        {run.workflowRunResponse === undefined ? (
          <p className="text-soft">
            {run.workflowState === "RUN_STARTED"
              ? "The run goes on; its result comes with its end."
              : "The run ended without a result."}
          </p>
        ) : (
          <BodyView title="Body" text={run.workflowRunResponse} />
        )}
      </Panel>
    </div>
  );
}
