/** Where a request goes, and what it asks for there. */
export interface Target {
  readonly origin: string;
  readonly path: string;
}

/**
 * Takes a URL apart. Path and query are sent as they stand there: they are what the signature names and what an app compares it with,
 * while a URL parser would resolve dots and encode quotes and braces. Only the host is for the parser to say.
 * @returns the fault in words when nothing can be sent to this URL.
 */
export function parseTarget(url: string): Target | string {
  const parsed = URL.parse(url);
  if (parsed === null) return `the URL ${url} does not parse`;
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return `the URL must start with http:// or https://, got ${parsed.protocol}`;
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return "the URL must not hold credentials; send them as a header";
  }
  const rest = RAW_REST.exec(url)?.[1] ?? parsed.pathname + parsed.search;
  return { origin: parsed.origin, path: rest.startsWith("?") ? `/${rest}` : rest };
}

/**
 * Scheme, two slashes, and no backslash, blank or control character: then parsers agree on where the host ends. What cannot stand in a request
 * line as it is (letters beyond ASCII, or nothing at all) is left to the parser.
 */
const RAW_REST = /^https?:\/\/[^/?#\\\s]+([/?][!-"$-[\]-~]*)$/i;
