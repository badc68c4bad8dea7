import { hash, timingSafeEqual } from "node:crypto";
import { isJsonObject, parseJson, quoted, RepriseError, type TokenScope } from "@reprise/protocol";
import type { Host } from "../host/host.ts";
import type { Reader, Store } from "../store/store.ts";
import { deleteSetting, listSettings, readSetting, writeSetting } from "./settings.ts";
import { tellSettings } from "./settings-watch.ts";
import { newTokenText } from "./token-text.ts";

/** A token as everybody may see it who may do everything. */
export interface Token {
  readonly id: string;
  readonly name: string;
  readonly scope: TokenScope;
  /** `settings` come with each start and cannot be revoked here; `start` was made at the first one. */
  readonly source: "settings" | "start" | "api";
  /** Null for those from the settings. */
  readonly createdAt: number | null;
}

/** Who comes with a token. */
export type Holder = Pick<Token, "name" | "scope">;

export interface GivenToken {
  /** Name of the setting. */
  readonly id: string;
  readonly scope: TokenScope;
  readonly text: string;
}

interface Entry extends Token {
  readonly digest: Buffer;
}

const PREFIX = "token:";
/** Id of the token that a server without a given one makes for itself. */
const START_ID = "start";
/** Every request is compared with every token. */
export const TOKENS_MAX = 100;
const ID_BYTES = 12;

export interface TokenRingOptions {
  readonly store: Store;
  readonly host: Pick<Host, "now" | "randomBytes">;
  readonly given: readonly GivenToken[];
}

/**
 * The tokens of an installation. Only SHA-256 digests are stored and held: who reads the disk or the memory gets no token.
 * What changes here is on disk before it holds, and holds for the next request.
 */
export class TokenRing {
  readonly #options: TokenRingOptions;
  readonly #given: readonly Entry[];
  #kept: readonly Entry[];
  /** Resolves behind the last change. They happen one after the other: two at once could each take the other for the last token. */
  #changed: Promise<unknown> = Promise.resolve();

  private constructor(options: TokenRingOptions, kept: readonly Entry[]) {
    this.#options = options;
    this.#given = options.given.map(toGivenEntry);
    this.#kept = kept;
  }

  static async open(options: TokenRingOptions): Promise<TokenRing> {
    return new TokenRing(options, await readEntries(options.store));
  }

  /** Takes over what another node has made or revoked. */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => {
      this.#kept = await readEntries(this.#options.store);
    });
  }

  /** What the token may do; null when there is no such token. */
  scopeOf(text: string): TokenScope | null {
    return this.holderOf(sha256(text))?.scope ?? null;
  }

  /** Whose token has this SHA-256; null when there is no such token. */
  holderOf(digest: Uint8Array): Holder | null {
    let holder: Holder | null = null;
    // All of them, so that the time tells neither whether nor which.
    for (const entry of this.#active) {
      if (timingSafeEqual(entry.digest, digest)) holder ??= entry;
    }
    return holder;
  }

  list(): readonly Token[] {
    return this.#active.map(toToken);
  }

  /** @throws RepriseError `quota_exceeded` when there are as many as there may be. */
  create(name: string, scope: TokenScope): Promise<{ token: Token; text: string }> {
    return this.#inTurn(() => this.#create(name, scope));
  }

  /** @throws RepriseError `token_not_found`, or `invalid_request` when it cannot be revoked. */
  revoke(id: string): Promise<void> {
    return this.#inTurn(() => this.#revoke(id));
  }

  async #create(name: string, scope: TokenScope): Promise<{ token: Token; text: string }> {
    await this.#refreshShared();
    if (this.#kept.length >= TOKENS_MAX) {
      throw new RepriseError("quota_exceeded", {
        message: `quota tokens exceeded, current limit: ${TOKENS_MAX}; revoke one first`,
        details: { quota: "tokens", limit: TOKENS_MAX },
      });
    }
    const { host } = this.#options;
    const id = `tok_${Buffer.from(host.randomBytes(ID_BYTES)).toString("base64url")}`;
    const text = this.newText();
    const createdAt = host.now();
    const entry: Entry = { id, name, scope, source: "api", createdAt, digest: sha256(text) };
    await this.#keep(entry);
    return { token: toToken(entry), text };
  }

  async #revoke(id: string): Promise<void> {
    await this.#refreshShared();
    const entry = this.#active.find((other) => other.id === id);
    if (entry === undefined) {
      throw new RepriseError("token_not_found", {
        message: `there is no token with the id ${quoted(id)}`,
        details: { tokenId: id },
      });
    }
    if (entry.source === "settings") {
      throw new RepriseError("invalid_request", {
        message: `the token ${id} comes from the settings of the server; change them and start it again`,
      });
    }
    if (!this.#active.some((other) => other.id !== id && other.scope === "full")) {
      throw new RepriseError("invalid_request", {
        message: `the token ${id} is the last one with the scope full; create another one first`,
      });
    }
    const { store } = this.#options;
    await store.transaction((transaction) => deleteSetting(transaction, PREFIX + id));
    this.#kept = this.#kept.filter((other) => other.id !== id);
    tellSettings(store);
  }

  /** Whether a server without a given token already has the one that it made for itself. */
  get hasStartToken(): boolean {
    return this.#kept.some(({ id }) => id === START_ID);
  }

  /**
   * Keeps the token that the server works with where none is given; it replaces the one before, unless only the first is to be kept. Returns
   * whether it is kept.
   */
  async keepStartToken(text: string, when: "first" | "always"): Promise<boolean> {
    const { store, host } = this.#options;
    const entry: Entry = {
      id: START_ID,
      name: START_ID,
      scope: "full",
      source: "start",
      createdAt: host.now(),
      digest: sha256(text),
    };
    const name = PREFIX + START_ID;
    const isKept = await store.transaction(async (transaction) => {
      if (when === "first" && (await readSetting(transaction, name)) !== null) return false;
      await writeSetting(transaction, name, toRow(entry));
      return true;
    });
    if (!isKept) this.#kept = await readEntries(store);
    else this.#kept = [...this.#kept.filter(({ id }) => id !== START_ID), entry];
    return isKept;
  }

  /** What others have changed counts here, too: who revokes the last token locks everybody out. */
  async #refreshShared(): Promise<void> {
    const { store } = this.#options;
    if (store.isShared) this.#kept = await readEntries(store);
  }

  #inTurn<R>(change: () => Promise<R>): Promise<R> {
    const changed = this.#changed.then(change);
    // Whoever asked for the change hears of its failure; the next one does not care.
    this.#changed = changed.catch(() => {});
    return changed;
  }

  newText(): string {
    return newTokenText((count) => this.#options.host.randomBytes(count));
  }

  async #keep(entry: Entry): Promise<void> {
    const { store } = this.#options;
    await store.transaction((transaction) =>
      writeSetting(transaction, PREFIX + entry.id, toRow(entry)),
    );
    this.#kept = [...this.#kept.filter(({ id }) => id !== entry.id), entry];
    tellSettings(store);
  }

  /** A given full token takes the place of the one that the server made: that is how a lost or stolen one is replaced. */
  get #active(): readonly Entry[] {
    const isReplaced = this.#given.some(({ scope }) => scope === "full");
    return [...this.#given, ...this.#kept.filter(({ id }) => !(isReplaced && id === START_ID))];
  }
}

async function readEntries(reader: Pick<Reader, "list">): Promise<readonly Entry[]> {
  const rows = await listSettings(reader, PREFIX);
  return rows.map(({ name, value }) => fromRow(name.slice(PREFIX.length), value));
}

function toGivenEntry({ id, scope, text }: GivenToken): Entry {
  return { id, name: id, scope, source: "settings", createdAt: null, digest: sha256(text) };
}

function toToken({ id, name, scope, source, createdAt }: Entry): Token {
  return { id, name, scope, source, createdAt };
}

function toRow({ name, scope, createdAt, digest }: Entry): string {
  return JSON.stringify({ name, scope, createdAt, digest: digest.toString("hex") });
}

function fromRow(id: string, value: string): Entry {
  const row = parseJson(value, `the setting ${PREFIX}${id}`);
  if (!isJsonObject(row)) throw broken(id);
  const { name, scope, createdAt, digest } = row;
  if (typeof name !== "string" || typeof createdAt !== "number") throw broken(id);
  if (scope !== "full" && scope !== "read-only" && scope !== "publish-only") throw broken(id);
  if (typeof digest !== "string" || !/^[\da-f]{64}$/.test(digest)) throw broken(id);
  const source = id === START_ID ? "start" : "api";
  return { id, name, scope, source, createdAt, digest: Buffer.from(digest, "hex") };
}

function broken(id: string): RepriseError {
  return new RepriseError("storage_unavailable", {
    message: `the stored token ${id} is not readable: the database was changed by hand or is damaged`,
  });
}

function sha256(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
