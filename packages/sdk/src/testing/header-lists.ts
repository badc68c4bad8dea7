/** Headers as the server writes them into bodies: `Content-Type`, and a list for each. */
export function toHeaderLists(
  headers: Readonly<Record<string, string>>,
): Record<string, readonly string[]> {
  const entries = Object.entries(headers).map(
    ([name, value]) =>
      [name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()), [value]] as const,
  );
  return Object.fromEntries(entries);
}

export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return Object.fromEntries(entries);
}

/** The headers whose names begin with `prefix`, without it. */
export function under(
  prefix: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(headers)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name.slice(prefix.length), value]);
  return Object.fromEntries(entries);
}
