/** Settings from outside the program, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the process; none on platforms without a process, where they are passed in instead. */
export function readEnvironment(): Environment {
  // Node, Bun, Deno and edge runtimes have it, browsers and some workers do not.
  const { process } = globalThis as { readonly process?: { readonly env?: Environment } };
  return process?.env ?? {};
}

/** What `reprise dev` and its likes are reached with: public knowledge, which no server outside of a developer's machine takes. */
export const DEVELOPMENT = {
  token: "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=",
  currentSigningKey: "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
  nextSigningKey: "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
} as const;

/** Whether a server of development is meant, whatever addresses and keys there are beside. @param devMode decides when it is given. */
export function isDevelopment(environment: Environment, devMode: boolean | undefined): boolean {
  return devMode ?? /^(?:1|true)$/.test(environment.QSTASH_DEV ?? "");
}

export function developmentUrl({ QSTASH_DEV_PORT }: Environment): string {
  return `http://localhost:${QSTASH_DEV_PORT || 8080}`;
}
