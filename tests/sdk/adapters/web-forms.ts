// Adapters of frameworks that hand over Web requests, each in its own way.

import type { RouteFunction, ServeOptions, Workflow } from "@reprise/sdk";
import { createWorkflow, type VerifySignatureConfig } from "@reprise/sdk/bun";
import { type AppParts, failing, failingOptions, mirror, order } from "./routes.ts";

export type WebHandler = (request: Request) => Promise<Response>;

/** How a framework calls what the adapter makes. */
export interface WebForm {
  readonly one: <P, R>(route: RouteFunction<P, R>, options: ServeOptions<P, R>) => WebHandler;
  readonly many: (workflows: Readonly<Record<string, AnyWorkflow>>) => WebHandler;
  /** A signed handler that gives back the body that it reads. */
  readonly message: (config: VerifySignatureConfig) => WebHandler;
}

// No other type takes workflows with any payload.
type AnyWorkflow = Workflow<never, unknown> & Workflow;

/** Routes of an app by path; what is not among them is one of the many. */
export function toWebApp(form: WebForm, parts: AppParts): WebHandler {
  const { signed, open, prefixed, config } = parts;
  const workflows = {
    order: createWorkflow(order, signed),
    mirror: createWorkflow(mirror, signed),
  };
  // The form takes workflows as `serveMany` does, whatever their payloads.
  const many = form.many(workflows as unknown as Record<string, AnyWorkflow>);
  const routes: Record<string, WebHandler> = {
    "/order": form.one(order, signed),
    "/order-text": form.one(mirror, signed),
    "/failing": form.one(failing, { ...signed, ...failingOptions }),
    "/open": form.one(mirror, open),
    "/prefixed": form.one(mirror, prefixed),
    "/message": form.message(config),
  };
  return (request) => (routes[new URL(request.url).pathname] ?? many)(request);
}

/** A handler that gives back the body that it reads. */
export async function echo(request: Request): Promise<Response> {
  return new Response(await request.text());
}
