import fc from "fast-check";
import { json, mostlyWhole, record } from "./json-values.ts";
import { hostile, mostly, settings, url } from "./values.ts";

/** What running workflows send for steps that others complete, and what wakes them. */

type Pairs = readonly (readonly [string, string])[];

/** Few runs and events, so that requests meet: waits find events, events find waits, and children are alive already. */
export const ownRunId = mostly(["wfr_a", "wfr_b", "wfr_c"]);
export const eventId = mostly(["paid", "evt_1", "order/7", "a b", "é"]);

/** The end of a path that names a run and an event. */
export const keptEvent = fc
  .tuple(ownRunId, eventId)
  .map(([runId, event]) =>
    [runId, event].map((one) => encodeURIComponent(one.toWellFormed())).join("/"),
  );

const stepFields = (stepTypes: readonly [string, ...string[]]) => ({
  stepId: fc.integer({ min: -1, max: 5 }),
  stepName: fc.constantFrom("one", "two"),
  stepType: mostly(stepTypes),
  concurrent: fc.integer({ min: 0, max: 3 }),
});

export const step = record({
  ...stepFields(["Run", "Initial", "SleepFor", "Call"]),
  out: fc.json({ maxDepth: 1 }),
  targetStep: fc.integer({ min: 0, max: 5 }),
});

/** Most often the first step of its run, alone. */
const outsideStep = (stepTypes: readonly [string, ...string[]]) =>
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        ...stepFields(stepTypes),
        stepId: fc.integer({ min: 1, max: 3 }),
        concurrent: fc.constant(1),
      }),
    },
    { weight: 1, arbitrary: mostlyWhole(stepFields(stepTypes)) },
  );

/** `{sink}` answers; each of its answers lets a run go on or fail. */
const workflowUrl = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("{sink}/ok", "{sink}/fail") },
  { weight: 1, arbitrary: url },
);

const submitting = (runId: string): Pairs => [
  ["Upstash-Workflow-Init", "false"],
  ["Upstash-Workflow-RunId", runId],
];

const listed = (pairs: Pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, [value]]));

/** Headers as lists of values, as waits and invokes carry them in their bodies. */
const listedHeaders = fc
  .tuple(
    ownRunId,
    fc.oneof({ weight: 3, arbitrary: fc.constant<Pairs>([]) }, { weight: 1, arbitrary: settings }),
  )
  .map(([runId, more]) => listed([...submitting(runId), ...more]));

const withSome = (pairs: fc.Arbitrary<Pairs>): fc.Arbitrary<Pairs> =>
  fc.oneof(
    { weight: 4, arbitrary: pairs },
    { weight: 1, arbitrary: fc.tuple(pairs, settings).map(([own, more]) => [...own, ...more]) },
  );

export const waitHeaders = withSome(ownRunId.map(submitting));

export const waitText = json(
  mostlyWhole({
    url: workflowUrl,
    timeout: fc.oneof(mostly(["7d", "1h", "1d", "2y"]), fc.integer({ min: 3_600, max: 9_999 })),
    timeoutUrl: workflowUrl,
    timeoutHeaders: listedHeaders,
    step: outsideStep(["Wait", "WaitForWebhook"]),
  }),
);

export const invokeHeaders = withSome(
  fc.tuple(ownRunId, mostly(["0", "1", "100", "101"])).map(
    ([runId, depth]): Pairs => [
      ["Upstash-Workflow-Init", "true"],
      ["Upstash-Workflow-Invoke", "true"],
      ["Upstash-Workflow-RunId", `${runId}_child`],
      ["Upstash-Forward-Upstash-Workflow-Invoke-Count", depth],
      ["Upstash-Delay", "1h"],
    ],
  ),
);

export const invokeText = json(
  mostlyWhole({
    body: hostile,
    headers: listedHeaders,
    workflowRunId: ownRunId,
    workflowRunCreatedAt: fc.integer(),
    workflowUrl,
    step: outsideStep(["Invoke"]),
  }),
);

const headersOf = (pairs: fc.Arbitrary<Pairs>) =>
  withSome(pairs).map((own) => Object.fromEntries(own));

/** A run that begins in an hour, and may wait until then. */
export const initItem = mostlyWhole({
  destination: workflowUrl,
  headers: headersOf(
    ownRunId.map(
      (runId): Pairs => [
        ["Upstash-Workflow-Init", "true"],
        ["Upstash-Workflow-RunId", runId],
        ["Upstash-Delay", "1h"],
      ],
    ),
  ),
  body: hostile,
});

/** A record of a run. */
export const stepItem = mostlyWhole({
  destination: workflowUrl,
  headers: headersOf(ownRunId.map(submitting)),
  body: step.map((one) => JSON.stringify(one) ?? ""),
});

/** A call of a service. */
export const callItem = mostlyWhole({
  destination: workflowUrl,
  headers: headersOf(
    fc
      .tuple(ownRunId, workflowUrl, fc.nat({ max: 3 }))
      .map(
        ([runId, back, stepId]): Pairs => [
          ...submitting(runId),
          ["Upstash-Workflow-CallType", "toCallback"],
          ["Upstash-Delay", "1h"],
          ["Upstash-Callback", back],
          ["Upstash-Callback-Forward-Upstash-Workflow-StepId", String(stepId)],
          ["Upstash-Callback-Forward-Upstash-Workflow-StepName", "call"],
          ["Upstash-Callback-Forward-Upstash-Workflow-StepType", "Call"],
        ],
      ),
  ),
  body: hostile,
});
