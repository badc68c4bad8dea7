import { isName } from "@reprise/protocol";
import { usageFault } from "./fault.ts";

/**
 * One segment of a path. An empty one would name the whole collection, and dots would lead out of it.
 * @throws CommanderError for those.
 */
export function segment(text: string, noun: string): string {
  if (text === "" || text === "." || text === "..") {
    throw usageFault(`${noun} must not be ${JSON.stringify(text)}`);
  }
  return encodeURIComponent(text);
}

/** A destination behind a route: encoded, so that no URL parser on the way changes it. */
export function destinationSegment(text: string): string {
  if (/^https?:\/\//i.test(text) || isName(text)) return encodeURIComponent(text);
  throw usageFault(
    `the destination must be a URL with http:// or https://, or the name of a URL group, got ${JSON.stringify(text)}`,
  );
}
