import { isJsonObject } from "@reprise/protocol";
import type { Context, Next } from "hono";
import { matchedRoutes } from "hono/route";
import type { AuditedAction, AuditedOutcome, AuditTrail } from "../engine/audit-trail.ts";
import { tokenOf } from "./auth.ts";
import type { Caller } from "./authenticator.ts";
import { type Endpoint, pathOf } from "./endpoints.ts";
import { type JsonObject, readJsonObject } from "./json-body.ts";
import { callerIp } from "./request.ts";
import type { ApiEnv, ApiRoom } from "./room.ts";
import { digestOf } from "./session.ts";

/** Characters of a row's texts: ids are shorter, and the row is no place for more. */
const CHARS_MAX = 1_000;

/**
 * Whether a person has sent this: whatever the dashboard changes, and otherwise what apps have no business with. Publishing,
 * triggering, steps and the like are what they do all day.
 */
export function isAudited(method: string, { scope, session }: Caller, { need }: Endpoint): boolean {
  if (method === "GET" || method === "HEAD" || scope !== "full") return false;
  return session !== null || need === "full";
}

export interface AuditedRequest {
  readonly caller: Caller;
  readonly endpoint: Endpoint;
  readonly trail: AuditTrail;
}

/** Writes the action down, lets it happen, and writes down what came of it. */
export async function runAudited(
  c: Context<ApiEnv>,
  next: Next,
  request: AuditedRequest,
  room: ApiRoom,
): Promise<void> {
  const pattern = matchedRoutes(c).find(({ method }) => method !== "ALL")?.path;
  // Where no route is, nothing can happen.
  if (pattern === undefined) return next();
  const { trail, endpoint } = request;
  const named = namedIn(await readBodyTwice(c.req.raw, endpoint), endpoint);
  const action = describe(c, pattern, request, room);
  const key = await trail.begin({
    ...action,
    target: action.target ?? named.target,
    query: cut([action.query, named.query].filter((text) => text !== null).join("&")),
  });
  await next();
  await trail.end(key, await outcomeOf(c.res));
}

function describe(
  { req, env }: Context<ApiEnv>,
  pattern: string,
  { caller: { scope, session }, endpoint }: AuditedRequest,
  { settings, sessions }: ApiRoom,
): AuditedAction {
  const token = session === null ? tokenOf(req.raw, env) : null;
  const holder = token === null ? null : (sessions?.holderOf(digestOf(token)) ?? null);
  return {
    tokenName: session === null ? (holder?.name ?? null) : session.tokenName,
    scope,
    isDashboard: session === null ? 0 : 1,
    callerIp: callerIp(req.raw, env, settings),
    action: `${req.method} ${pattern}`,
    target: targetOf(pathOf(env.rawTarget), pattern),
    // The query behind a destination is the destination's, and may be its secret.
    query: endpoint.hasDestination ? null : queryOf(env.rawTarget),
  };
}

/** What a JSON body says that the path does not. */
interface Named {
  readonly target: string | null;
  readonly query: string | null;
}

/** Null when it is no JSON object: then the route refuses it, or nothing of it is kept. */
async function readBodyTwice(request: Request, { body }: Endpoint): Promise<JsonObject | null> {
  if (body !== "json") return null;
  try {
    return await readJsonObject(request.clone());
  } catch {
    // The route reads it as well, and says what is wrong with it.
    return null;
  }
}

/** Of who is chosen in a body. */
const IDS: readonly string[] = ["dlqIds", "messageIds", "workflowRunIds"];
/** Of what is made or changed by name. */
const NAMES = ["queueName", "name"] as const;

/**
 * Of a body that chooses among many the ids are kept as what it is about, and the filters like those of a query. Of other bodies only
 * a name is: the rest may be anything.
 */
function namedIn(body: JsonObject | null, { isBulk, headers }: Endpoint): Named {
  if (body === null) return { target: null, query: null };
  if (!isBulk && headers !== "overrides") {
    const name = NAMES.map((field) => body[field]).find((value) => typeof value === "string");
    return { target: cut(name ?? ""), query: null };
  }
  const filters = new URLSearchParams();
  for (const [field, value] of Object.entries(body)) {
    if (IDS.includes(field)) continue;
    for (const text of textsOf(value)) filters.append(field, text);
  }
  const ids = IDS.flatMap((field) => textsOf(body[field]));
  return { target: cut(listed(ids)), query: cut(filters.toString()) };
}

function textsOf(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.flatMap((one) =>
    typeof one === "string" || typeof one === "number" || typeof one === "boolean"
      ? [`${one}`]
      : [],
  );
}

/** Ids that are told one by one. */
const IDS_MAX = 10;

/** `a, b and 98 more`. */
function listed(ids: readonly string[]): string {
  const more = ids.length - IDS_MAX;
  const some = ids.slice(0, IDS_MAX).map((id) => id.slice(0, ID_CHARS_MAX));
  return `${some.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** No id of this server is longer. */
const ID_CHARS_MAX = 90;

const cut = (text: string): string | null => (text === "" ? null : text.slice(0, CHARS_MAX));

/** What stands in the path where the pattern has names. Of a destination only where it is: the rest may be a secret. */
function targetOf(path: string, pattern: string): string | null {
  const given = path.split("/");
  const found: string[] = [];
  for (const [index, segment] of pattern.split("/").entries()) {
    if (segment.startsWith("*") || segment.includes("{")) {
      const rest = decoded(given.slice(index).join("/"));
      const [, before, host] = DESTINATION.exec(rest) ?? [];
      found.push(before === undefined ? rest : `${before}${host}`);
      break;
    }
    if (segment.startsWith(":")) found.push(decoded(given[index] ?? ""));
  }
  return cut(found.join("/"));
}

/** A destination: what leads to its host, and the host without the name and password that may be before it. */
const DESTINATION = /^(.*?https?:\/\/)(?:[^/?#]*@)?([^/?#]*)/i;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not every text is an encoded one; it is shown as it came.
    return text;
  }
}

function queryOf(rawTarget: string): string | null {
  const query = new URLSearchParams(rawTarget.slice(pathOf(rawTarget).length));
  for (const name of [...query.keys()]) {
    if (name.toLowerCase() === "qstash_token") query.delete(name);
  }
  return cut(query.toString());
}

const COUNTS = ["cancelled", "deleted", "held", "released"] as const;
const LISTS = ["workflowRuns", "responses"] as const;

async function outcomeOf(response: Response): Promise<AuditedOutcome> {
  const { status } = response;
  const body = await readJson(response);
  const none = { status, error: null, count: null, actionId: null };
  if (Array.isArray(body)) return { ...none, count: body.length };
  if (!isJsonObject(body)) return none;
  const { code, actionId } = body;
  const list = LISTS.map((name) => body[name]).find((value) => Array.isArray(value));
  const count = COUNTS.map((name) => body[name]).find((value) => typeof value === "number");
  return {
    status,
    // Sentences quote what was sent; the code says as much.
    error: status >= 400 && typeof code === "string" ? code : null,
    count: count ?? list?.length ?? null,
    actionId: typeof actionId === "string" ? actionId : null,
  };
}

/** Null when it is no JSON, or nothing that can be read twice. */
async function readJson(response: Response): Promise<unknown> {
  if (!response.headers.get("content-type")?.startsWith("application/json")) return null;
  try {
    return await response.clone().json();
  } catch {
    // An answer that is none of ours has no count.
    return null;
  }
}
