import { shellWord } from "../../recover/shell.ts";

/** What somebody has typed into the playground. */
export interface Draft {
  readonly kind: "workflow" | "message" | "queue";
  readonly url: string;
  readonly queue: string;
  readonly body: string;
  readonly retries: string;
  readonly delay: string;
  /** With commas between. */
  readonly labels: string;
  readonly flowKey: string;
  readonly flowValue: string;
  /** One a line. */
  readonly headers: string;
}

export const EMPTY_DRAFT: Draft = {
  kind: "workflow",
  url: "",
  queue: "",
  body: "{}",
  retries: "",
  delay: "",
  labels: "",
  flowKey: "",
  flowValue: "",
  headers: "",
};

export interface DraftRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const PREFIXES = { workflow: "/v2/trigger/", message: "/v2/publish/" } as const;

/** The request that a draft stands for. The destination is percent-encoded, so that nothing in it can leave the path. */
export function toRequest(draft: Draft): DraftRequest {
  const { kind, queue, url, body } = draft;
  const prefix = kind === "queue" ? `/v2/enqueue/${encodeURIComponent(queue)}/` : PREFIXES[kind];
  return { path: `${prefix}${encodeURIComponent(url.trim())}`, headers: headersOf(draft), body };
}

function headersOf({ body, retries, delay, labels, flowKey, flowValue, headers }: Draft) {
  const given: readonly (readonly [string, string])[] = [
    ["Content-Type", isJson(body) ? "application/json" : "text/plain"],
    ["Upstash-Retries", retries],
    ["Upstash-Delay", delay],
    ["Upstash-Label", labels],
    ["Upstash-Flow-Control-Key", flowKey],
    ["Upstash-Flow-Control-Value", flowValue],
    ...headers.split("\n").flatMap(readHeader),
  ];
  return Object.fromEntries(given.filter(([, value]) => value.trim() !== ""));
}

/** Which line of the headers is none; null when all are. */
export function faultOf({ headers }: Draft): string | null {
  const lines = headers.split("\n");
  const index = lines.findIndex((line) => line.trim() !== "" && readHeader(line).length === 0);
  if (index === -1) return null;
  return `line ${index + 1} of the headers must be a name, a colon and a value, got ${JSON.stringify(lines[index])}`;
}

/** A line without a colon is no header. */
function readHeader(line: string): readonly (readonly [string, string])[] {
  const colon = line.indexOf(":");
  if (colon < 1) return [];
  return [[`Upstash-Forward-${line.slice(0, colon).trim()}`, line.slice(colon + 1).trim()]];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @param baseUrl with a slash at its end. */
export function toCurl(draft: Draft, baseUrl: string): string {
  const { path, headers, body } = toRequest(draft);
  const lines = [
    `curl -X POST ${shellWord(`${baseUrl}${path.slice(1)}`)}`,
    '-H "Authorization: Bearer $REPRISE_TOKEN"',
    ...Object.entries(headers).map(([name, value]) => `-H ${shellWord(`${name}: ${value}`)}`),
    ...(body === "" ? [] : [`--data-raw ${shellWord(body)}`]),
  ];
  return lines.join(" \\\n  ");
}
