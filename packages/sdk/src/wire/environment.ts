/** Settings from outside the program, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the process; none on platforms without a process, where they are passed in instead. */
export function readEnvironment(): Environment {
  // Node, Bun, Deno and edge runtimes have it, browsers and some workers do not.
  const { process } = globalThis as { readonly process?: { readonly env?: Environment } };
  return process?.env ?? {};
}
