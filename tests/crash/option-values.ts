/** Values of the command lines of these programs; each throws an Error that names the fault. */

export function readName<T extends string>(
  option: string,
  text: string | undefined,
  names: readonly T[],
): T | null {
  if (text === undefined) return null;
  const name = names.find((known) => known === text);
  if (name !== undefined) return name;
  throw new Error(`${option} must be one of ${names.join(", ")}, got ${text}`);
}

export function readWhole(option: string, text: string, least = 1): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`${option} must be a whole number from ${least} to 999999, got ${text}`);
}
