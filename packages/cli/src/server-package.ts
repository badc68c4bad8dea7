import type * as Server from "@reprise/server";

/** Everything that the package exports. */
export type LoadedServer = typeof Server;

/** Loads the server, which takes longer than most commands: those that talk to one that runs do without. */
export function loadServer(): Promise<LoadedServer> {
  return import("@reprise/server");
}
