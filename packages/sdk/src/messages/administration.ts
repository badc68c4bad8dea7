import type { Http } from "../wire/http.ts";
import { eachItem } from "../wire/pages.ts";
import { checkId } from "../wire/selection.ts";

/** What is about the server and not about single messages: its keys, its tokens, and changes of many messages. */

/** `current` signs, and `next` takes its place at the next rotation. */
export interface SigningKeys {
  readonly current: string;
  readonly next: string;
  /** Epoch milliseconds; none before the first rotation. */
  readonly rotatedAt?: number;
}

/** The keys that deliveries are signed with. */
export class Keys {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** The keys that messages are signed with. */
  async get(): Promise<SigningKeys> {
    return this.#http.json({ method: "GET", path: ["v2", "keys"] });
  }

  /** Apps need the new next key before the rotation behind this one. @param options with `force` also shortly behind another one. */
  async rotate({ force }: { readonly force?: boolean | undefined } = {}): Promise<SigningKeys> {
    return this.#http.json({ method: "POST", path: ["v2", "keys", "rotate"], query: { force } });
  }
}

/** Everything; looking at everything but keys and tokens; or sending messages and going on with runs. */
export type TokenScope = "full" | "read-only" | "publish-only";

/** A token, without its text. */
export interface TokenInfo {
  readonly id: string;
  readonly name: string;
  readonly scope: TokenScope;
  readonly source: "settings" | "start" | "api";
  /** Epoch milliseconds; none of tokens from the settings. */
  readonly createdAt?: number;
}

/** Who may call the server, and for what. */
export class Tokens {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Every token. */
  async list(): Promise<TokenInfo[]> {
    return this.#http.json({ method: "GET", path: ["v2", "tokens"] });
  }

  /** The answer is the only place that ever shows the `token` itself. */
  async create(request: {
    readonly name: string;
    readonly scope: TokenScope;
  }): Promise<TokenInfo & { token: string }> {
    const { name, scope } = request;
    return this.#http.json({
      method: "POST",
      path: ["v2", "tokens"],
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, scope }),
    });
  }

  /** Lets a token open nothing any more. */
  async revoke(id: string): Promise<void> {
    await this.#http.done({ method: "DELETE", path: ["v2", "tokens", checkId(id, "token")] });
  }
}

/** A change of many messages that goes on in the background. */
export interface BulkAction {
  readonly actionId: string;
  readonly kind: "cancel";
  readonly state: "IN_PROGRESS" | "FINISHED";
  /** Messages that matched when it was accepted. */
  readonly total: number;
  /** Messages that it has changed so far. */
  readonly processed: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds; none while it goes on. */
  readonly completedAt?: number;
  /** What it was started with. */
  readonly filter: Record<string, string[]>;
}

/** Which bulk actions, and how many. */
export interface BulkActionListOptions {
  readonly state?: BulkAction["state"] | undefined;
  readonly count?: number | undefined;
  readonly cursor?: string | undefined;
}

/** How far changes of many messages have come. */
export class BulkActions {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** One bulk action, by its id. */
  async get(actionId: string): Promise<BulkAction> {
    const path = ["v2", "bulkActions", checkId(actionId, "bulk action")];
    return this.#http.json({ method: "GET", path });
  }

  /** A page of them, newest first. */
  async list(
    options: BulkActionListOptions = {},
  ): Promise<{ bulkActions: BulkAction[]; cursor?: string }> {
    const { state, count, cursor } = options;
    return this.#http.json({
      method: "GET",
      path: ["v2", "bulkActions"],
      query: { state, count, cursor },
    });
  }

  /** Stops one: it is finished then, and what it has changed stays so. */
  async stop(actionId: string): Promise<BulkAction> {
    const path = ["v2", "bulkActions", checkId(actionId, "bulk action")];
    return this.#http.json({ method: "DELETE", path });
  }

  /** Every bulk action, page by page. */
  all(
    options: Omit<BulkActionListOptions, "cursor"> = {},
  ): AsyncGenerator<BulkAction, void, undefined> {
    return eachItem(
      (cursor) => this.list({ ...options, cursor }),
      (page) => page.bulkActions,
    );
  }
}
