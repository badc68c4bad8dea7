import type { Result, Router } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { assert } from "../core/assert.ts";

/**
 * Hono's own choice of routers with a memory: a path without parameters always has the same handlers, and so has everything behind
 * a prefix. The search for those of `/v2/batch` or `/v2/publish/*` costs every message as much as parsing its body.
 */
export class FixedPathRouter<T> implements Router<T> {
  readonly name = "FixedPathRouter";
  readonly #router = new SmartRouter<T>({ routers: [new RegExpRouter(), new TrieRouter()] });
  /** Paths that are routes as they stand. What callers make up is not remembered; Node knows a few dozen methods only. */
  readonly #fixedPaths = new Set<string>();
  /** Beginnings of paths behind which nothing else is a route. */
  readonly #prefixes: readonly string[];
  readonly #found = new Map<string, Result<T>>();

  /** @param prefixes routes `{prefix}*` below which there is no other route. */
  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes;
  }

  add(method: string, path: string, handler: T): void {
    const isBelow = (prefix: string) => path.startsWith(prefix) && path !== `${prefix}*`;
    assert(!this.#prefixes.some(isBelow), `${path} is below a prefix that has one route`);
    if (!/[:*{]/.test(path)) this.#fixedPaths.add(path);
    this.#router.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    const fixed = this.#fixedPaths.has(path) ? path : this.#prefixOf(path);
    if (fixed === undefined) return this.#router.match(method, path);
    const key = `${method} ${fixed}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const result = this.#router.match(method, path);
    this.#found.set(key, result);
    return result;
  }

  #prefixOf(path: string): string | undefined {
    return this.#prefixes.find((prefix) => path.startsWith(prefix) && path.length > prefix.length);
  }
}
