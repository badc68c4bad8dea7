import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Copy } from "../../parts/copy.tsx";
import { CurlButton } from "../../parts/curl-button.tsx";
import { Facts } from "../../parts/facts.tsx";
import { HeaderList } from "../../parts/header-list.tsx";
import { MessageLink, RunLink } from "../../parts/id-link.tsx";
import type { AnyStep } from "../../parts/run-story.ts";
import { formatDuration, Instant, When } from "../../parts/when.tsx";
import { AttemptDetail } from "./attempt-detail.tsx";
import { resultOf } from "./result-of.ts";
import type { StepBar } from "./timeline-model.ts";

interface StepDetailProps {
  readonly run: RunResource;
  readonly bar: StepBar;
  readonly attempt: number | null;
  readonly entry: DeadLetterResource | null | undefined;
  readonly onAttempt: (attempt: number | null) => void;
  readonly onClose: () => void;
}

/** One step: what it was asked to do, what came of it, and each attempt. */
export function StepDetail(props: StepDetailProps) {
  const { run, bar, attempt, entry, onAttempt, onClose } = props;
  const { step, number } = bar.placed;
  const shown = bar.attempts.find(({ index }) => index === attempt);
  return (
    <section
      aria-label={`Step ${number}, ${bar.name}`}
      className="min-w-0 rounded-lg border border-line bg-panel p-4"
    >
      <header className="mb-3 flex items-center gap-2">
        <h2 className="min-w-0 truncate font-semibold" title={bar.name}>
          {bar.isNamed && <span className="text-soft tabular-nums">{number} </span>}
          {bar.name}
        </h2>
        <StateBadge state={step.state} />
        <button
          type="button"
          aria-label="Close the step"
          onClick={onClose}
          className="ml-auto rounded p-1 hover:bg-raised"
        >
          <X size={16} aria-hidden />
        </button>
      </header>
      {bar.attempts.length > 0 && <Attempts bar={bar} attempt={attempt} onAttempt={onAttempt} />}
      {shown === undefined ? (
        <StepFacts run={run} bar={bar} />
      ) : (
        <AttemptDetail run={run} bar={bar} attempt={shown} entry={entry} />
      )}
    </section>
  );
}

type AttemptsProps = Pick<StepDetailProps, "bar" | "attempt" | "onAttempt">;

function Attempts({ bar, attempt, onAttempt }: AttemptsProps) {
  const choices: readonly (readonly [number | null, ReactNode])[] = [
    [null, "Step"],
    ...bar.attempts.map(({ index, error }) => {
      const status = error.status === 0 ? "no answer" : String(error.status);
      return [index, `Attempt ${index + 1} · ${status}`] as const;
    }),
  ];
  return (
    <div className="mb-3 flex flex-wrap gap-1">
      {choices.map(([index, title]) => (
        <button
          key={index}
          type="button"
          aria-pressed={index === attempt}
          onClick={() => onAttempt(index)}
          className={`rounded-md px-2 py-1 text-xs ${index === attempt ? "bg-accent-soft font-medium" : "text-soft hover:bg-raised"}`}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function StepFacts({ run, bar }: { readonly run: RunResource; readonly bar: StepBar }) {
  const { step } = bar.placed;
  const due = step.nextDeliveryTime;
  return (
    <div className="space-y-4">
      <Facts
        facts={[
          ["Type", step.stepType],
          ["Began", bar.kind === "payload" ? undefined : <Instant isExact key="b" at={bar.from} />],
          [
            "Recorded",
            step.createdAt === undefined ? undefined : (
              <Instant isExact key="r" at={step.createdAt} />
            ),
          ],
          ["Lasted", bar.kind === "payload" ? undefined : formatDuration(bar.to - bar.from)],
          [
            "Next attempt",
            due === undefined || !bar.isOpen ? undefined : <When key="d" at={due} />,
          ],
          [
            "Retries",
            `${step.retries}${step.retryDelay === undefined ? "" : `, delay ${step.retryDelay}`}`,
          ],
          ["Message", <Id key="m" id={step.messageId} />],
          ...outsideFacts(step),
        ]}
      />
      <Caught step={step} />
      <CallPanels step={step} />
      <Result step={step} />
      {step.headers !== undefined && Object.keys(step.headers).length > 0 && (
        <HeaderList title="Headers of the request" headers={step.headers} />
      )}
      {step.callUrl === undefined && <CurlOfRun run={run} step={step} />}
    </div>
  );
}

function Id({ id }: { readonly id: string }) {
  return (
    <span className="inline-flex items-center gap-1">
      <MessageLink id={id} />
      <Copy text={id} label="the id of the message" />
    </span>
  );
}

type Fact = readonly [name: string, value: ReactNode];

function outsideFacts(step: AnyStep): readonly Fact[] {
  const sleepUntil = "sleepUntil" in step ? step.sleepUntil : undefined;
  const { invokedWorkflowRunId: child, waitTimeoutDeadline: deadline } = step;
  return [
    [
      "Sleeps until",
      sleepUntil === undefined ? undefined : <Instant isExact key="s" at={sleepUntil} />,
    ],
    ["Waits for", step.waitEventId],
    ["Until", deadline === undefined ? undefined : <Instant isExact key="w" at={deadline} />],
    ["In time", step.waitTimeout === true ? "no: the time was up first" : undefined],
    [
      "Calls",
      step.callUrl === undefined ? undefined : `${step.callMethod ?? "GET"} ${step.callUrl}`,
    ],
    ["Invoked run", child === undefined ? undefined : <RunLink key="c" id={child} />],
    ["Of workflow", step.invokedWorkflowUrl],
  ];
}

/** The workflow has gone on behind a step that failed for good. */
function Caught({ step }: { readonly step: AnyStep }) {
  const failure = "failure" in step ? step.failure : undefined;
  if (failure === undefined) return null;
  const { attempts, errorName, message, stack } = failure;
  return (
    <div className="rounded-md bg-warn-soft p-3 text-warn">
      <p className="break-words">
        Failed for good after {attempts} {attempts === 1 ? "attempt" : "attempts"}, and the workflow
        went on: {errorName}: {message}
      </p>
      {stack !== undefined && <BodyView title="Stack" text={stack} />}
    </div>
  );
}

function CallPanels({ step }: { readonly step: AnyStep }) {
  const { callUrl: url, callMethod: method = "GET", callHeaders = {}, callBody } = step;
  const { callResponseStatus: status, callResponseBody, callResponseHeaders } = step;
  return (
    <>
      {url !== undefined && (
        <div className="space-y-3">
          <CurlButton request={{ method, url, headers: callHeaders, text: callBody }} />
          <BodyView title="Body that is sent" text={callBody ?? ""} headers={callHeaders} />
          <HeaderList title="Headers that are sent" headers={callHeaders} />
        </div>
      )}
      {status !== undefined && (
        <div className="space-y-3">
          <p>
            The service answered{" "}
            <strong className="tabular-nums">{status === 0 ? "nothing" : status}</strong>
          </p>
          <BodyView
            title="Its answer"
            text={callResponseBody ?? ""}
            headers={callResponseHeaders}
          />
          {callResponseHeaders !== undefined && (
            <HeaderList title="Headers of its answer" headers={callResponseHeaders} />
          )}
        </div>
      )}
      {step.invokedWorkflowRunBody !== undefined && (
        <BodyView title="Payload of the invoked run" text={step.invokedWorkflowRunBody} />
      )}
    </>
  );
}

function Result({ step }: { readonly step: AnyStep }) {
  if (!("out" in step) || step.out === undefined || step.callResponseStatus !== undefined)
    return null;
  const title = step.stepType === "Initial" ? "Payload" : "Recorded result";
  return <BodyView title={title} {...resultOf(step)} />;
}

/** The delivery that asks the app for this step; without the recorded steps that it carries. */
function CurlOfRun({ run, step }: { readonly run: RunResource; readonly step: AnyStep }) {
  if (step.stepType !== "Initial" || !("out" in step)) return null;
  const { headers = {}, out } = step;
  return <CurlButton request={{ method: "POST", url: run.workflowUrl, headers, text: out }} />;
}
