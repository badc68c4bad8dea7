import {
  asSubmissionError,
  CONNECT_PATH,
  DESTINATION_PREFIX,
  isRepriseError,
  RepriseError,
} from "@reprise/protocol";
import { Hono, type MiddlewareHandler } from "hono";
import { Health } from "../observe/health.ts";
import { isAudited, runAudited } from "./audit-actions.ts";
import { checkScope } from "./auth.ts";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import { endpointOf, makesSchedule, pathOf } from "./endpoints.ts";
import { errorResponse } from "./errors.ts";
import { FixedPathRouter } from "./fixed-path-router.ts";
import { checkMessageShape } from "./message-shape.ts";
import { observeRequests } from "./observe-requests.ts";
import { checkLoopback, checkTransport, peerOf } from "./request.ts";
import type { ApiEnv, ApiRoom, Peer } from "./room.ts";
import { routePath } from "./route-path.ts";
import { auditRoutes } from "./routes/audit.ts";
import { batchRoutes, isSubmissionRequest } from "./routes/batch.ts";
import { bulkActionRoutes } from "./routes/bulk-actions.ts";
import { cancelRunsRoutes } from "./routes/cancel-runs.ts";
import { changeRoutes } from "./routes/changes.ts";
import { cronRoutes } from "./routes/cron.ts";
import { dashboardRoutes } from "./routes/dashboard.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { deadMessageRoutes } from "./routes/dead-messages.ts";
import { failureGroupRoutes } from "./routes/failure-groups.ts";
import { flowControlRoutes } from "./routes/flow-control.ts";
import { healthRoutes } from "./routes/health.ts";
import { holdDeadRoutes } from "./routes/hold-dead.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { keyRoutes } from "./routes/keys.ts";
import { lineRoutes } from "./routes/lines.ts";
import { messageLogRoutes } from "./routes/message-logs.ts";
import { messageRoutes } from "./routes/messages.ts";
import { METRICS_PATH, metricsRoutes } from "./routes/metrics.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { publishRoutes } from "./routes/publish.ts";
import { queueRoutes } from "./routes/queues.ts";
import { runLogRoutes } from "./routes/run-logs.ts";
import { runRoutes } from "./routes/runs.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { sessionRoutes } from "./routes/session.ts";
import { settingsRoutes } from "./routes/settings.ts";
import { stepRoutes } from "./routes/steps.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { triggerRoutes } from "./routes/trigger.ts";
import { urlGroupRoutes } from "./routes/url-groups.ts";
import { waitRoutes } from "./routes/waits.ts";

const resources = [
  // Before the routes that take an id in the same place.
  failureGroupRoutes,
  batchRoutes,
  triggerRoutes,
  publishRoutes,
  runRoutes,
  stepRoutes,
  cancelRunsRoutes,
  runLogRoutes,
  overviewRoutes,
  deadLetterRoutes,
  deadMessageRoutes,
  holdDeadRoutes,
  messageRoutes,
  bulkActionRoutes,
  messageLogRoutes,
  keyRoutes,
  tokenRoutes,
  urlGroupRoutes,
  queueRoutes,
  flowControlRoutes,
  lineRoutes,
  scheduleRoutes,
  cronRoutes,
  waitRoutes,
  auditRoutes,
];

/** Whatever is behind one of these is a destination. */
const DESTINATION_PREFIXES = [DESTINATION_PREFIX.publish, DESTINATION_PREFIX.enqueue];

/** What running workflows call without a header that says so; there a 400 would mean that the run has ended. */
const FROM_RUNS = /^\/v2\/(?:(?:wait|notify)(?:\/|$)|workflows\/runs\/[^/]+\/steps$)/;

/** The API as a function from request to response; the transport tells what a `Request` cannot. */
export interface Api {
  fetch(request: Request, peer?: Peer): Promise<Response>;
}

export function createApi(room: ApiRoom): Api {
  const app = buildApp(room);
  return {
    fetch: async (request, peer) => app.fetch(request, peer ?? peerOf(request)),
  };
}

/** All routes, with what stands in front of them. */
export function buildApp(room: ApiRoom): Hono<ApiEnv> {
  const authenticator = createAuthenticator(room);
  const { authenticate, door } = authenticator;
  const app = new Hono<ApiEnv>({ getPath, router: new FixedPathRouter(DESTINATION_PREFIXES) });
  const isKnown = (request: Request, peer: Peer) => mayLook(request, peer, authenticate);
  const { observer, expose, dashboard, changes, audit, shownSettings } = room;
  if (observer !== undefined) app.use(observeRequests(observer));
  app.route("/", healthRoutes(room.health ?? healthOf(room), isKnown));
  if (dashboard !== undefined) app.route("/", dashboardRoutes(room, dashboard));
  app.route("/", openApiRoutes(room.sessions?.version ?? "0.0.0"));
  // The URL itself is the secret of a webhook: whoever calls it has no token.
  app.route("/", hookRoutes(room));
  // Logging in is how a person comes by a session, so it cannot ask for one.
  if (door !== null) app.route("/", sessionRoutes(room, authenticator, door));
  const protect: MiddlewareHandler<ApiEnv> = async (c, next) => {
    checkTransport(c.env);
    if (room.settings.isLoopbackOnly) checkLoopback(c.req.raw);
    const caller = authenticate(c.req.raw, c.env);
    const { scope } = caller;
    const endpoint = endpointOf(c.req.method, c.env);
    const isForPeople = scope === "publish-only" && makesSchedule(c.req.raw, c.env, endpoint);
    checkScope(scope, isForPeople ? "full" : endpoint.need);
    checkMessageShape(c.req.raw, c.env, endpoint);
    const isKept = audit !== undefined && isAudited(c.req.method, caller, endpoint);
    const request = isKept ? { caller, endpoint, trail: audit } : null;
    if (caller.session === null && request === null) return next();
    await (request === null ? next() : runAudited(c, next, request, room));
    if (caller.session !== null) keepInPage(c.res.headers);
  };
  app.use("/v2/*", protect);
  app.use(METRICS_PATH, protect);
  if (expose !== undefined) app.route("/", metricsRoutes(expose));
  if (changes !== undefined) app.route("/", changeRoutes(changes, authenticator));
  if (shownSettings !== undefined) app.route("/", settingsRoutes(shownSettings));
  // A handshake that arrives whole never comes here.
  app.get(CONNECT_PATH, () => {
    const message = `${CONNECT_PATH} takes WebSocket connections alone, and this request asks for none; a proxy in front has to let the header Upgrade through`;
    throw new RepriseError("invalid_request", { message });
  });
  for (const routes of resources) app.route("/", routes(room));
  app.notFound((c) => {
    // Targets that are no path reach no other handler.
    checkTransport(c.env);
    throw unmatched(app, c.req.method, c.req.path);
  });
  app.onError((error, c) => {
    // What is refused before a route sees it may come from a running workflow as well.
    const isSubmission = isSubmissionRequest(c.req.raw) || FROM_RUNS.test(c.req.path);
    return errorResponse(isSubmission ? asSubmissionError(error) : error, room.host);
  });
  return app;
}

/** What a person's browser gets is for the page alone: no cache keeps it, and no other page can take it in as a script or a frame. */
function keepInPage(headers: Headers): void {
  for (const [name, value] of IN_PAGE) headers.set(name, value);
}

const IN_PAGE = [
  ["cache-control", "no-store"],
  ["x-content-type-options", "nosniff"],
  ["cross-origin-resource-policy", "same-origin"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
] as const;

/** Probes come without a token; a wrong one is counted, and makes them no worse. */
function mayLook(
  request: Request,
  peer: Peer,
  authenticate: Authenticator["authenticate"],
): boolean {
  if (!request.headers.has("authorization")) return false;
  try {
    return authenticate(request, peer).scope !== "publish-only";
  } catch (error) {
    if (isRepriseError(error)) return false;
    throw error;
  }
}

function healthOf({ host, store }: ApiRoom): Health {
  const health = new Health({ host, pulse: { lagMs: 0 } });
  health.start({ store, disk: null, isLeaseHeld: () => true });
  return health;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function unmatched(app: Hono<ApiEnv>, method: string, path: string): RepriseError {
  const count = (name: string) => app.router.match(name, path)[0].length;
  // What matches a method that no route has is middleware.
  const middlewareCount = count("TRACE");
  const allowed = METHODS.filter((name) => count(name) > middlewareCount);
  if (allowed.length === 0) {
    return new RepriseError("not_found", { message: `there is nothing at ${method} ${path}` });
  }
  const allow = allowed.join(", ");
  return new RepriseError("method_not_allowed", {
    message: `the method ${method} is not allowed at ${path}; allowed: ${allow}`,
    details: { allow },
  });
}

/** The path without the query, from the target as received where there is one. */
function getPath(request: Request, options?: { readonly env?: ApiEnv["Bindings"] }): string {
  return routePath(pathOf(options?.env?.rawTarget ?? request.url));
}
