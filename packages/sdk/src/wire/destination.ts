import { QstashError } from "../errors.ts";

/**
 * Checks where a message goes: a URL, or the name of a URL group. Servers read settings and tokens out of a destination's query, so that
 * a URL from a stranger could order callbacks; settings are options here, and such a query is refused.
 * @throws QstashError that names the fault.
 */
export function checkDestination(destination: string): string {
  if (typeof destination !== "string" || destination.trim() === "") {
    throw new QstashError("a message needs a destination: url, or the name of a urlGroup");
  }
  const mark = destination.indexOf("?");
  const parameters = mark < 0 ? [] : destination.slice(mark + 1).split("&");
  const setting = parameters.map(nameOf).find((name) => /^(?:qstash_token$|upstash-)/i.test(name));
  if (setting === undefined) return destination;
  throw new QstashError(
    `the query of ${JSON.stringify(destination)} has ${setting}, which servers take for a setting; use options or headers`,
  );
}

function nameOf(parameter: string): string {
  const name = parameter.split("=", 1)[0] ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // No encoding: servers take it as it is too.
  }
}
