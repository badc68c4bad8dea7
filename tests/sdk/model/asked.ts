// What is asked and told, in a form in which requests can be compared.

/** One request of an app or a client, as far as it means anything: telemetry and what HTTP itself adds are left out. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** How an app has answered a delivery. */
export interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Item {
  readonly destination: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Headers of HTTP and of telemetry: they say nothing about a run. */
const MEANINGLESS =
  /^(?:host|connection|content-length|accept.*|sec-fetch-.*|user-agent|transfer-encoding|upstash-telemetry-.*)$/;

export function meaningful(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !MEANINGLESS.test(name)));
}

export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return meaningful(new Headers(headers));
}

export function without(
  headers: Readonly<Record<string, string>>,
  name: string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([own]) => own !== name));
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export function canonical(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

export function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Lists of headers: of a wait for the end of its time, of an invoke for the result. */
function withoutCase(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, one]) => {
    if (name !== "timeoutHeaders" && name !== "headers") return [name, one];
    const lists = Object.entries(one as Record<string, string[]>); // As a wait must have it.
    return [
      name,
      lowerCase(Object.fromEntries(lists.map(([own, [first = ""]]) => [own.toLowerCase(), first]))),
    ];
  });
  return Object.fromEntries(entries);
}

/** Parsed, with the bodies and headers within. */
export function readable(path: string, text: string): unknown {
  const value = parseOr(text);
  if (path !== "/v2/batch" || !Array.isArray(value)) return withoutCase(value);
  return value.map((item: Item) => ({
    ...item,
    headers: lowerCase(item.headers),
    ...(item.body === undefined ? {} : { body: parseOr(item.body) }),
  }));
}
