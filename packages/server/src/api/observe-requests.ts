import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { ApiObserver } from "../observe/meter.ts";
import type { ApiEnv } from "./room.ts";

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** Tells of every request the pattern of its route, never its path: callers make up paths without end. */
export function observeRequests(observer: ApiObserver): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    await next();
    const pattern = matchedRoutes(c).at(-1)?.path ?? "";
    const { method } = c.req;
    // What ends in a star and is no destination is middleware: no route was found.
    const route = /^\/?(?:\*|v2\/\*)$/.test(pattern) ? "unmatched" : pattern;
    observer.requestEnded(METHODS.has(method) ? method : "other", route, c.res.status);
  };
}
