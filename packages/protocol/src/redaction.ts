/** What is hidden from logs, dead letters and message reads. Deliveries always carry the original. */

import { RepriseError } from "./errors.ts";
import { isHeaderName, quoted } from "./headers.ts";
import { REDACT_FIELDS_MAX } from "./limits.ts";

export interface Redaction {
  readonly isBodyRedacted: boolean;
  /** `all`, or the names in lower case. */
  readonly headers: "all" | readonly string[];
}

const NAMED_HEADER = /^headers?\[([^[\]]*)\]$/i;

/**
 * Reads `Upstash-Redact-Fields`: a comma list of `body`, `header` (every header) and `header[Name]`.
 * @throws RepriseError `invalid_header` that names the unknown item.
 */
export function parseRedaction(text: string): Redaction {
  const items = text.split(",").map((item) => item.trim());
  if (items.length > REDACT_FIELDS_MAX) {
    throw invalid(`must have at most ${REDACT_FIELDS_MAX} items, got ${items.length}`);
  }
  const names = new Set<string>();
  let isBodyRedacted = false;
  let isAllRedacted = false;
  for (const item of items) {
    const name = NAMED_HEADER.exec(item)?.[1]?.toLowerCase();
    if (name !== undefined && isHeaderName(name)) names.add(name);
    else if (/^headers?$/i.test(item)) isAllRedacted = true;
    else if (/^body$/i.test(item)) isBodyRedacted = true;
    else throw invalid(`must be a list of body, header and header[Name], got ${quoted(item)}`);
  }
  return { isBodyRedacted, headers: isAllRedacted ? "all" : [...names] };
}

/** Tells whether the value of this header is hidden. */
export function isHeaderRedacted(redaction: Redaction | null, name: string): boolean {
  if (redaction === null) return false;
  return redaction.headers === "all" || redaction.headers.includes(name.toLowerCase());
}

/** What stands in place of a hidden value. */
export function redactedText(sha256Hex: string): string {
  return `REDACTED:${sha256Hex}`;
}

function invalid(fault: string): RepriseError {
  return new RepriseError("invalid_header", {
    message: `Upstash-Redact-Fields ${fault}`,
    details: { header: "Upstash-Redact-Fields" },
  });
}
