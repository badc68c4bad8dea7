import { HEADER } from "@reprise/protocol";
import type { Peer } from "./room.ts";

/**
 * What each endpoint takes and who may call it, in one place. What is not listed is safe by default: it takes neither a body
 * nor settings of messages, GET is for readers, and everything else needs the scope `full`.
 */
export interface Endpoint {
  /** `read` is what readers may do, `send` what apps may do, `either` what both may. */
  readonly need: "full" | "read" | "send" | "either";
  readonly body: "none" | "json" | "bytes";
  /**
   * Which `Upstash-*` headers are meant for it: those of a message, those that override settings of a stored message, those of
   * an envelope around messages, or none.
   */
  readonly headers: "message" | "overrides" | "envelope" | "none";
  /** Acts on all that match, and without anything to match on everything. */
  readonly isBulk: boolean;
  /** The rest of its path is a destination, taken as it is; other paths hold ids. */
  readonly hasDestination: boolean;
}

const READ: Endpoint = {
  need: "read",
  body: "none",
  headers: "none",
  isBulk: false,
  hasDestination: false,
};
const WRITE: Endpoint = { ...READ, need: "full" };
const JSON_WRITE: Endpoint = { ...WRITE, body: "json" };
const BULK: Endpoint = { ...JSON_WRITE, isBulk: true };
const REVIVE: Endpoint = { ...WRITE, headers: "overrides" };
const MESSAGE: Endpoint = {
  need: "send",
  body: "bytes",
  headers: "message",
  isBulk: false,
  hasDestination: true,
};
const ENVELOPE: Endpoint = { ...MESSAGE, body: "json", headers: "envelope", hasDestination: false };

/** `:` stands for one segment, `*` for one or more. The first that matches wins. */
const LISTED: readonly (readonly [string, Endpoint])[] = [
  ["POST /v2/publish/*", MESSAGE],
  ["POST /v2/enqueue/*", MESSAGE],
  ["POST /v2/trigger/*", MESSAGE],
  ["POST /v2/batch", ENVELOPE],
  ["POST /v2/batch/trigger", ENVELOPE],
  ["POST /v2/notify/*", { ...ENVELOPE, body: "bytes" }],
  ["POST /v2/wait/*", { ...ENVELOPE, headers: "message" }],
  ["POST /v2/schedules/:/pause", WRITE],
  ["POST /v2/schedules/:/resume", WRITE],
  ["POST /v2/schedules/*", { ...MESSAGE, need: "full" }],
  ["DELETE /v2/messages", BULK],
  ["POST /v2/messages/:/retry", REVIVE],
  ["POST /v2/queues", JSON_WRITE],
  ["PATCH /v2/topics/:", JSON_WRITE],
  ["POST /v2/topics/:/endpoints", JSON_WRITE],
  ["DELETE /v2/topics/:/endpoints", JSON_WRITE],
  ["DELETE /v2/dlq", BULK],
  ["POST /v2/dlq/hold", BULK],
  ["POST /v2/dlq/release", BULK],
  ["POST /v2/dlq/retry", { ...REVIVE, body: "json" }],
  ["POST /v2/dlq/retry/:", REVIVE],
  ["DELETE /v2/workflows/dlq", BULK],
  ["POST /v2/workflows/dlq/hold", BULK],
  ["POST /v2/workflows/dlq/release", BULK],
  ["POST /v2/workflows/dlq/resume", { ...REVIVE, body: "json" }],
  ["POST /v2/workflows/dlq/resume/:", REVIVE],
  ["POST /v2/workflows/dlq/restart", { ...REVIVE, body: "json" }],
  ["POST /v2/workflows/dlq/restart/:", REVIVE],
  ["DELETE /v2/workflows/runs", BULK],
  ["POST /v2/workflows/runs/:/steps", { ...ENVELOPE, body: "bytes" }],
  ["GET /v2/workflows/runs/count", READ],
  // A run that goes on reads its own steps; a reader may look at them as well.
  ["GET /v2/workflows/runs/:", { ...READ, need: "either" }],
  ["DELETE /v2/workflows/runs/:", { ...WRITE, body: "bytes" }],
  // Who has a signing key can forge deliveries, and who can make tokens has them all.
  ["GET /v2/keys", { ...READ, need: "full" }],
  ["GET /v2/tokens", { ...READ, need: "full" }],
  ["POST /v2/tokens", JSON_WRITE],
];

/** The end of a run, which its last step submits; without `cancel=false` the same path cancels a run. */
const FINISH: Endpoint = { ...WRITE, need: "send", body: "bytes" };

interface Pattern {
  readonly segments: readonly string[];
  readonly endpoint: Endpoint;
}

/** By method and second segment, so that a request is compared with a handful. */
const PATTERNS: ReadonlyMap<string, readonly Pattern[]> = Map.groupBy(
  LISTED.map(([text, endpoint]) => {
    const [method = "", path = ""] = text.split(" ");
    const segments = path.split("/").slice(1);
    return { method, segments, endpoint };
  }),
  ({ method, segments }) => keyOf(method, segments),
);

/** No pattern has more segments, and a destination may have any number. */
const SEGMENTS_MAX = 8;

/** The endpoint behind a request, told from the target as it was received. */
export function endpointOf(method: string, { rawTarget }: Pick<Peer, "rawTarget">): Endpoint {
  const verb = method === "HEAD" ? "GET" : method;
  const segments = segmentsOf(pathOf(rawTarget));
  const found = PATTERNS.get(keyOf(verb, segments))?.find((pattern) => matches(pattern, segments));
  if (found === undefined) return verb === "GET" ? READ : WRITE;
  const isFinish = found.endpoint.body === "bytes" && verb === "DELETE" && isFinishing(rawTarget);
  return isFinish ? FINISH : found.endpoint;
}

function keyOf(method: string, segments: readonly string[]): string {
  return `${method} ${segments[1]}`;
}

/** Letters have any case, as one client writes some paths, and an empty last segment means the collection. */
function segmentsOf(path: string): readonly string[] {
  const segments = path.toLowerCase().split("/", SEGMENTS_MAX).slice(1);
  return segments.at(-1) === "" ? segments.slice(0, -1) : segments;
}

function matches({ segments }: Pattern, given: readonly string[]): boolean {
  const isOpen = segments.at(-1) === "*";
  if (isOpen ? given.length < segments.length : given.length !== segments.length) return false;
  return segments.every((segment, index) => {
    return segment === ":" || segment === "*" || segment === given[index];
  });
}

function isFinishing(rawTarget: string): boolean {
  const query = rawTarget.slice(pathOf(rawTarget).length);
  return new URLSearchParams(query).getAll("cancel").join() === "false";
}

/** Whether a message comes with a cron expression: it makes a schedule then, wherever it is sent to. */
export function makesSchedule(
  { headers }: Request,
  { rawTarget }: Pick<Peer, "rawTarget">,
  endpoint: Endpoint,
): boolean {
  if (endpoint.headers !== "message") return false;
  if (headers.has(HEADER.cron)) return true;
  if (!rawTarget.includes("?")) return false;
  const query = new URLSearchParams(rawTarget.slice(pathOf(rawTarget).length));
  return [...query.keys()].some((name) => name.toLowerCase() === HEADER.cron);
}

/** The path of a request target, without its query. */
export function pathOf(rawTarget: string): string {
  const query = rawTarget.indexOf("?");
  return query === -1 ? rawTarget : rawTarget.slice(0, query);
}
