import { FORWARD_PREFIX, HEADER } from "./headers.ts";
import type { Duration, Redaction, SharedSettings } from "./options.ts";
import { flowControlHeaders } from "./start-headers.ts";
import type { HeadersInit } from "./web-types.ts";

/** How settings of messages become headers. Names are in lower case. */

export type FlatHeaders = Record<string, string>;

const SETTING_PREFIX = "upstash-";

/** Settings are sent as they are, and so is the type of the body; everything else reaches the destination under its own name. */
export function forwardHeaders(given: HeadersInit | undefined): FlatHeaders {
  const headers: FlatHeaders = {};
  new Headers(given).forEach((value, name) => {
    const isSetting = name === HEADER.contentType || name.startsWith(SETTING_PREFIX);
    headers[isSetting ? name : FORWARD_PREFIX + name] = value;
  });
  return headers;
}

/** Settings that runs and messages share. Those that are not given are left out. */
export function settingHeaders(settings: SharedSettings): FlatHeaders {
  const { retries, retryDelay, delay, notBefore, flowControl, label, redact } = settings;
  return {
    ...entry(HEADER.retries, wholeText(retries)),
    ...entry(HEADER.retryDelay, retryDelay),
    ...entry(HEADER.delay, delayText(delay)),
    ...entry(HEADER.notBefore, wholeText(notBefore)),
    ...flowControlHeaders(flowControl),
    ...entry(HEADER.label, labelText(label)),
    ...entry(HEADER.redactFields, redactionText(redact)),
  };
}

/** One header, or none when there is no value. */
export function entry(name: string, value: string | undefined): FlatHeaders {
  return value === undefined ? {} : { [name]: value };
}

export function wholeText(value: number | undefined): string | undefined {
  return value?.toFixed(0);
}

/** Seconds are whole: a fraction is rounded. */
export function delayText(delay: Duration | number | undefined): string | undefined {
  return typeof delay === "number" ? `${delay.toFixed(0)}s` : delay;
}

/** Seconds may have a fraction. */
export function durationText(duration: Duration | number | undefined): string | undefined {
  return typeof duration === "number" ? `${duration}s` : duration;
}

export function labelText(label: string | readonly string[] | undefined): string | undefined {
  return typeof label === "object" ? label.join(",") : label;
}

function redactionText(redact: Redaction | undefined): string | undefined {
  if (redact === undefined) return undefined;
  const { body, header = [] } = redact;
  const headers = header === true ? ["header"] : header.map((name) => `header[${name}]`);
  const fields = [...(body === true ? ["body"] : []), ...headers];
  return fields.length === 0 ? undefined : fields.join(",");
}
