import type { AppEnvironment } from "../../sdk/adapters/routes.ts";

interface ProcessLike {
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the tests tell the app. */
export function readEnvironment(): AppEnvironment {
  // Node, Bun and Deno have it.
  const { process } = globalThis as unknown as { readonly process: ProcessLike };
  // Written by the tests.
  return JSON.parse(process.env.APP_ENVIRONMENT ?? "{}") as AppEnvironment;
}

/** Tells the tests where the app is. */
export function announce(port: number): void {
  console.log(`running at http://127.0.0.1:${port} `);
}
