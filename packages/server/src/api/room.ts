import type { SettingResource, TokenScope } from "@reprise/protocol";
import type { AuditTrail } from "../engine/audit-trail.ts";
import type { BulkRunner } from "../engine/bulk-runner.ts";
import type { EndedSessions } from "../engine/ended-sessions.ts";
import type { Engine } from "../engine/engine.ts";
import type { RingKeys } from "../engine/key-ring.ts";
import type { Limits } from "../engine/limits.ts";
import type { Holder, TokenRing } from "../engine/token-ring.ts";
import type { Host } from "../host/host.ts";
import type { Health } from "../observe/health.ts";
import type { ApiObserver } from "../observe/meter.ts";
import type { Timeline } from "../observe/timeline.ts";
import type { Store } from "../store/store.ts";
import type { ChangeStreams } from "./change-streams.ts";

/** What the routes work with. Writes go through the engine; reads go straight to the store. */
export interface ApiRoom {
  readonly engine: Engine;
  readonly bulkRunner: BulkRunner;
  readonly store: Store;
  readonly host: Host;
  readonly credentials: Credentials;
  readonly settings: ApiSettings;
  /** What the probes say; without it, they ask the store alone. */
  readonly health?: Health;
  /** Writes the metrics; without it there are none. */
  readonly expose?: () => Promise<string>;
  /** Counts requests; nobody when not given. */
  readonly observer?: ApiObserver;
  /** What happened, as far as this server has seen it; without it, the overview tells what is open alone. */
  readonly overview?: OverviewSources;
  /** What logins take; without it, there are none. */
  readonly sessions?: Sessions;
  /** What the server was started with, secrets masked; without it, nobody can ask. */
  readonly shownSettings?: readonly SettingResource[];
  /** Keeps what people do; without it, nobody does. */
  readonly audit?: AuditTrail;
  /** Tells what changes; without it, nobody does. */
  readonly changes?: ChangeStreams;
  /** The files of the dashboard; without them, nothing is served at `/`. */
  readonly dashboard?: DashboardFiles;
}

export interface OverviewSources {
  readonly timeline: Timeline;
  readonly stuckCount: () => number;
}

export interface Sessions {
  /** Who holds the token of this SHA-256; null when it is none of this server, or not any more. */
  readonly holderOf: (digest: Uint8Array) => Holder | null;
  /** Those that somebody has logged out of. */
  readonly ended: Pick<EndedSessions, "has" | "end">;
  /** All servers of one store have the same. */
  readonly secret: Uint8Array;
  /** Of this server, for the page to show. */
  readonly version: string;
}

export interface DashboardFiles {
  /** By its path below the dashboard's directory, `/` between parts. */
  readonly find: (path: string) => DashboardFile | null;
}

export interface DashboardFile {
  readonly body: Uint8Array<ArrayBuffer>;
  /** The same body as clients may take it as well, the smallest first. */
  readonly encoded: readonly {
    readonly encoding: string;
    readonly body: Uint8Array<ArrayBuffer>;
  }[];
  readonly contentType: string;
  readonly digest: string;
}

/** What reading a message takes. */
export type ReadingRoom = Pick<ApiRoom, "host" | "settings">;

export interface Credentials {
  /** What a token may do; null when it is none of this server. */
  readonly scopeOf: (token: string) => TokenScope | null;
  readonly tokens: Pick<TokenRing, "list" | "create" | "revoke">;
  readonly signingKeys: () => RingKeys;
  /** Makes the next key the current one and a new next key; resolves when both are on disk. */
  readonly rotateSigningKeys: (isForced: boolean) => Promise<RingKeys>;
  /** Secret under which cursors are authenticated. */
  readonly cursorSecret: Uint8Array;
}

export interface ApiSettings extends Limits {
  /** True in development, whose token is public: only programs on this machine may call, and no web page of another site. */
  readonly isLoopbackOnly: boolean;
  /** Proxies whose `X-Forwarded-For` is believed; empty believes nobody. */
  readonly trustedProxies: readonly string[];
  /** Scheme and host under which others reach this server; null believes each request. */
  readonly publicUrl: string | null;
  /**
   * Refuses a destination that is too long, or that the egress policy denies for what its URL says; names are judged again
   * when dialled.
   * @throws RepriseError `invalid_destination` with `field` in its message ("destination" when not given).
   */
  readonly checkEgress: (url: string, field?: string) => void;
}

/** Facts about a request that a web `Request` does not carry; the adapter of the transport provides them. */
export interface Peer {
  readonly address: string;
  /** The request target exactly as it was received: URL parsing would collapse `..` and decode. */
  readonly rawTarget: string;
  /** Header names and values as received, `[name, value, ...]`; shows repeated headers. */
  readonly rawHeaders: readonly string[];
}

export type ApiEnv = { readonly Bindings: Peer };
