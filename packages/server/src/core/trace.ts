/**
 * Where a trace stands, in the form of the W3C recommendation "Trace Context": a message or a run keeps the one that it was accepted with,
 * and every attempt goes on from there.
 * @see https://www.w3.org/TR/trace-context/
 */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Null for what is no valid `traceparent`. Later versions are read as far as this one goes. */
export function parseTraceparent(text: string): TraceParent | null {
  const [, version = "ff", traceId = "", spanId = "", flags = "", more] = FORM.exec(text) ?? [];
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

const TRACESTATE_CHARS_MAX = 512;
const MEMBERS_MAX = 32;
const MEMBER = /^[a-z\d][a-z\d_\-*/@]{0,255}=[\u0020-\u002b\u002d-\u003c\u003e-\u007e]{1,256}$/;

/** The list as it came, or null when it is not valid: then it is dropped, and the trace goes on without it. */
export function parseTracestate(text: string): string | null {
  if (text.length > TRACESTATE_CHARS_MAX) return null;
  const members = text.split(",").map((member) => member.trim());
  const given = members.filter((member) => member !== "");
  if (given.length === 0 || given.length > MEMBERS_MAX) return null;
  return given.every((member) => MEMBER.test(member)) ? given.join(",") : null;
}
