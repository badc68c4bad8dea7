import type { Result, Router } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";

/**
 * Hono's own choice of routers with a memory: a path without parameters always has the same handlers, and the search for
 * those of `/v2/batch` costs every step of every run as much as parsing its body.
 */
export class FixedPathRouter<T> implements Router<T> {
  readonly name = "FixedPathRouter";
  readonly #router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] });
  /** Paths that are routes as they stand. What callers make up is not remembered; Node knows a few dozen methods only. */
  readonly #fixedPaths = new Set<string>();
  readonly #found = new Map<string, Result<T>>();

  add(method: string, path: string, handler: T): void {
    if (!/[:*{]/.test(path)) this.#fixedPaths.add(path);
    this.#router.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    if (!this.#fixedPaths.has(path)) return this.#router.match(method, path);
    const key = `${method} ${path}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const result = this.#router.match(method, path);
    this.#found.set(key, result);
    return result;
  }
}
