import { Client } from "@upstash/workflow";

/** Starts and feeds runs; QSTASH_URL and QSTASH_TOKEN say where the server is. */
export const client = new Client({});

/** The address of a route of this app, as the Reprise server reaches it. */
export function urlOf(path: string, request: Request): string {
  return new URL(path, process.env.APP_URL ?? request.url).href;
}
