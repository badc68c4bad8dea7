import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "../bench/raw-endpoint.ts";
import {
  countItems,
  lastRecord,
  newRunId,
  planRecords,
  recordsTemplate,
  type StepRecord,
  triggerTemplate,
} from "../bench/wire.ts";
import type { ScaleWorld } from "./scale-world.ts";

/** What an app without SDK has seen of one run. */
export interface Course {
  readonly runId: string;
  deliveries: number;
  fetched: number;
  /** Step -> how often it was executed. */
  readonly executed: Map<number, number>;
  joins: number;
}

/** Says what to do with a delivery; null when the run has returned. */
type Route = (delivery: RawDelivery, course: Course) => readonly StepRecord[] | null;

/** Runs a workflow without SDK from its trigger to its end. */
export async function runRaw(world: ScaleWorld, route: Route): Promise<Course> {
  const ended = Promise.withResolvers<void>();
  const runId = newRunId();
  const course: Course = { runId, deliveries: 0, fetched: 0, executed: new Map(), joins: 0 };
  const endpoint: RawEndpoint = await startRawEndpoint(world.server, {
    onDelivery: async (delivery, own) => {
      course.deliveries += 1;
      if (delivery.isFetched) course.fetched += 1;
      const records = route(delivery, course);
      if (records === null) {
        await own.finish(runId);
        ended.resolve();
      } else if (records.length > 0) {
        await own.batch(recordsTemplate(`${own.url}/workflow`, records)(runId));
      }
      return null;
    },
    onFault: ended.reject,
  });
  world.onEnd(() => endpoint.close());
  await endpoint.batch(triggerTemplate(`${endpoint.url}/workflow`)(runId));
  await ended.promise;
  return course;
}

/** A parallel group and one step behind it, as the SDK executes them. */
export function parallelRoute(steps: number): Route {
  return ({ body }, course) => {
    const record = lastRecord(body);
    if (record === null) return planRecords(steps);
    const { stepId, targetStep } = record;
    if (stepId === steps + 1) return null;
    if (targetStep !== undefined) return [execute(course, targetStep, steps)];
    // Behind the payload, a plan and a result for each step: every other result is not the last one of the group.
    if (countItems(body) !== 1 + 2 * steps) return [];
    course.joins += 1;
    return [execute(course, steps + 1, 1)];
  };
}

/** One step after the other; each delivery must have brought exactly the records before it. */
export function sequentialRoute(steps: number): Route {
  return ({ body }, course) => {
    const stepId = (lastRecord(body)?.stepId ?? 0) + 1;
    if (countItems(body) !== stepId) {
      throw new Error(`step ${stepId} was asked for with ${countItems(body)} records`);
    }
    return stepId > steps ? null : [execute(course, stepId, 1)];
  };
}

function execute({ executed }: Course, stepId: number, concurrent: number): StepRecord {
  executed.set(stepId, (executed.get(stepId) ?? 0) + 1);
  return { stepId, stepName: `step-${stepId}`, stepType: "Run", out: "1", concurrent };
}
