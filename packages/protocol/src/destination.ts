/** Destinations: the rest of a raw request target after its route, or a text in a batch item or a header. */

import { RepriseError } from "./errors.ts";
import { checkHeaders, type FlatHeaders, flatHeaders, quoted } from "./headers.ts";
import { NAME_CHARS_MAX, URL_BYTES_MAX } from "./limits.ts";

/** Configuration that came in the query string of a destination and is not part of it. */
export interface DestinationConfig {
  /** Value of `qstash_token`, or null. */
  readonly token: string | null;
  /** The `upstash-*` parameters, as headers. A header of the request wins over its parameter. */
  readonly headers: FlatHeaders;
}

export type Destination =
  | {
      readonly kind: "url";
      /** The text as it was received, without configuration and fragment; it is signed and shown like this. */
      readonly url: string;
      readonly config: DestinationConfig;
    }
  | { readonly kind: "urlGroup"; readonly name: string; readonly config: DestinationConfig };

/**
 * Reads a destination.
 * @param raw the text after the route prefix with its query, not decoded.
 * @throws RepriseError `invalid_destination` or `invalid_query` that names the fault.
 */
export function parseDestination(raw: string): Destination {
  const { text, config } = takeConfig(decodeWhole(raw));
  if (text === "") throw invalid("a non-empty destination must be provided");
  if (/^https?:/i.test(text))
    return { kind: "url", url: parseHttpUrl(text, "destination"), config };
  // The query of a URL belongs to the receiver; a group has receivers of its own.
  const name = text.split("?", 1)[0] ?? "";
  if (isName(name)) return { kind: "urlGroup", name, config };
  if (text.startsWith("api/")) {
    throw invalid(
      "destinations that start with api/ are not offered; give the URL of the provider",
    );
  }
  throw invalidScheme("destination", text);
}

const NAME_PATTERN = /^[A-Za-z0-9._-]+$/;

/** Tells whether `text` can name a URL group or a queue. */
export function isName(text: string): boolean {
  return text.length <= NAME_CHARS_MAX && NAME_PATTERN.test(text) && text !== "." && text !== "..";
}

/** Some callers percent-encode the whole URL: without a literal scheme, but with an encoded one, decode it once. */
function decodeWhole(raw: string): string {
  if (!/^https?%3A/i.test(raw)) return raw;
  const mark = raw.indexOf("?");
  const encoded = mark < 0 ? raw : raw.slice(0, mark);
  const decoded = decodePercent(encoded);
  if (decoded === null) throw invalid("invalid destination url: it is not valid percent-encoding");
  if (mark < 0) return decoded;
  return `${decoded}${decoded.includes("?") ? "&" : "?"}${raw.slice(mark + 1)}`;
}

/** Takes `qstash_token` and `upstash-*` out of the query; everything else keeps its bytes and its order. */
function takeConfig(raw: string): { readonly text: string; readonly config: DestinationConfig } {
  const mark = raw.indexOf("?");
  if (mark < 0) return { text: raw, config: { token: null, headers: flatHeaders([]) } };
  const kept: string[] = [];
  const found = new Map<string, string>();
  const query = raw.slice(mark + 1);
  for (const parameter of query.split("&")) {
    const name = configName(parameter);
    if (name === null) kept.push(parameter);
    else if (found.has(name)) throw invalidQuery(name, "must be given once");
    else found.set(name, configValue(name, parameter));
  }
  const token = found.get("qstash_token") ?? null;
  found.delete("qstash_token");
  const headers = flatHeaders(found);
  checkHeaders(headers);
  const rest = kept.join("&");
  // A query that held configuration alone leaves no question mark; one that was empty from the start stays.
  const text = rest === "" && query !== "" ? raw.slice(0, mark) : `${raw.slice(0, mark)}?${rest}`;
  return { text, config: { token, headers } };
}

/** The name of a parameter that configures the message, or null for one that belongs to the destination. */
function configName(parameter: string): string | null {
  const equals = parameter.indexOf("=");
  const rawName = equals < 0 ? parameter : parameter.slice(0, equals);
  // A name in disguise (`qstash%5Ftoken`) is recognised as well, or the token would reach the destination.
  const name = decodePercent(rawName) ?? rawName;
  return name === "qstash_token" || name.startsWith("upstash-") ? name : null;
}

function configValue(name: string, parameter: string): string {
  const equals = parameter.indexOf("=");
  const value = equals < 0 ? "" : decodePercent(parameter.slice(equals + 1).replaceAll("+", " "));
  if (value === null) throw invalidQuery(name, "must be valid percent-encoding");
  return value;
}

function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // The only thing it throws is a URIError, and the caller words the refusal.
  }
}

// Parsers drop tabs and newlines and read a backslash as a slash: the same text would name two hosts.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const FORBIDDEN = /[\u0000-\u0020\u007f\\]/;

/**
 * Checks an absolute http or https URL and returns the text to store: without fragment, and with the second slash
 * when a proxy collapsed it. Whether the host may be reached is the egress policy's decision, not made here.
 * @param field names the text in the error message.
 * @throws RepriseError `invalid_destination`.
 */
export function parseHttpUrl(text: string, field: string): string {
  const known = CHECKED_URLS.get(text);
  if (known !== undefined) return known;
  const url = checkHttpUrl(text, field);
  if (text.length <= CHECKED_URL_CHARS_MAX) {
    if (CHECKED_URLS.size >= CHECKED_URLS_MAX) CHECKED_URLS.clear();
    CHECKED_URLS.set(text, url);
  }
  return url;
}

/** Good URLs that came last: a workflow is named twice by every step, and its URL never changes. */
const CHECKED_URLS = new Map<string, string>();
const CHECKED_URLS_MAX = 1_000;
const CHECKED_URL_CHARS_MAX = 512;

function checkHttpUrl(text: string, field: string): string {
  if (!/^https?:/i.test(text)) throw invalidScheme(field, text);
  if (text.length > URL_BYTES_MAX) {
    throw invalidUrl(field, `it is longer than ${URL_BYTES_MAX} bytes`);
  }
  if (FORBIDDEN.test(text) || !text.isWellFormed()) {
    throw invalidUrl(
      field,
      "it has a space, a backslash or a control character; percent-encode it",
    );
  }
  const hash = text.indexOf("#");
  const url = (hash < 0 ? text : text.slice(0, hash)).replace(/^(https?):\/(?!\/)/i, "$1://");
  checkAuthority(url, field);
  return url;
}

function checkAuthority(url: string, field: string): void {
  const authority = /^https?:\/\/([^/?]+)/i.exec(url)?.[1];
  if (authority === undefined) throw invalidUrl(field, "it has no host after the two slashes");
  if (authority.includes("@")) {
    const hint = "send the credentials in Upstash-Forward-Authorization";
    throw invalidUrl(field, `it has a user name or password; ${hint}`);
  }
  const port = /:([^:\]]*)$/.exec(authority)?.[1];
  if (port !== undefined && !isPort(port)) {
    throw invalidUrl(field, `its port must be 1 to 65535, got ${quoted(port)}`);
  }
  const host = hostOf(url);
  if (host === null || !isHost(host)) {
    throw invalidUrl(field, `${quoted(authority)} is not a valid host`);
  }
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function hostOf(url: string): string | null {
  return URL.parse(url)?.hostname ?? null;
}

const HOST_CHARS_MAX = 253;
const HOST_LABEL_CHARS_MAX = 63;

/** The URL parser lets names pass that no resolver can look up: empty labels, and labels or names too long. */
function isHost(host: string): boolean {
  if (host.startsWith("[")) return true;
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return (
    name.length <= HOST_CHARS_MAX &&
    name
      .split(".")
      .every((label) => label !== "" && label.length <= HOST_LABEL_CHARS_MAX && label[0] !== "-")
  );
}

function invalidScheme(field: string, text: string): RepriseError {
  const scheme = "endpoint has invalid scheme, add http:// or https://";
  return invalidUrl(field, `${scheme} (got ${quoted(text.split("?")[0] ?? "")})`);
}

function invalidUrl(field: string, fault: string): RepriseError {
  return new RepriseError("invalid_destination", {
    message: `invalid ${field} url: ${fault}`,
    details: { field },
  });
}

function invalid(message: string): RepriseError {
  return new RepriseError("invalid_destination", { message });
}

function invalidQuery(name: string, fault: string): RepriseError {
  return new RepriseError("invalid_query", {
    message: `query parameter ${quoted(name)} ${fault}`,
    details: { parameter: name },
  });
}
