import { createWorkflow, type WebHandler } from "../workflow/serve.ts";
import type { RouteFunction, ServeOptions, Workflow } from "../workflow/workflow.ts";
import type { Deliver } from "./rows.ts";
import { toDeliver } from "./stubs.ts";

/** A workflow to be tested: its function, what `createWorkflow` makes, or what `serve` makes. */
export type Testable<Payload, Result> =
  | RouteFunction<Payload, Result>
  | Workflow<Payload, Result>
  | WebHandler;

export function deliverTo<Payload, Result>(
  target: Testable<Payload, Result>,
  options: ServeOptions<Payload, Result> | undefined,
): Deliver {
  if (typeof target !== "function") return toDeliver(target);
  if ("handleRequest" in target) return target.handleRequest;
  return toDeliver(createWorkflow(target, options));
}
