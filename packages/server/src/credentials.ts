import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import type { Credentials, Sessions } from "./api/room.ts";
import type { ServerConfig } from "./config.ts";
import { EndedSessions } from "./engine/ended-sessions.ts";
import { KeyRing } from "./engine/key-ring.ts";
import { keepSetting } from "./engine/settings.ts";
import { type GivenToken, TokenRing } from "./engine/token-ring.ts";
import { tokenFault } from "./engine/token-text.ts";
import type { Host } from "./host/host.ts";
import type { Store } from "./store/store.ts";

/** Where the token with the scope `full` comes from. */
export type TokenSource =
  /** From the settings. */
  | "given"
  /** Made at this start: nobody has seen it, and nobody will again. */
  | "made"
  /** Made at an earlier start: only its digest is known. */
  | "kept";

export interface OpenedCredentials extends Credentials {
  /** The text of the token with the scope `full`; empty when it is `kept`. */
  readonly token: string;
  readonly tokenSource: TokenSource;
  readonly holderOf: Sessions["holderOf"];
  readonly endedSessions: EndedSessions;
  /** Secret under which sessions of people are sealed. */
  readonly sessionSecret: Uint8Array;
  /**
   * Keeps the digest of a token that was made now. Called when the server can show it: kept earlier, a failed start would lose it.
   * False when another server that starts at the same time has kept its own.
   */
  readonly keepToken: () => Promise<boolean>;
  /** Takes over what other servers on the same database have changed. */
  readonly refresh: () => Promise<void>;
}

/** Reads tokens, signing keys and secrets; what is missing is made at the first start and kept. */
export async function openCredentials(
  config: ServerConfig,
  store: Store,
  host: Host,
): Promise<OpenedCredentials> {
  const randomBytes = (count: number) => host.randomBytes(count);
  const keys = await KeyRing.open({
    store,
    randomBytes,
    now: () => host.now(),
    given: config.signingKeys,
    isPinned: config.mode === "development",
    guardMs: config.keyRotationGuardMs,
  });
  const newSecret = () => Buffer.from(randomBytes(32)).toString("base64");
  const secrets = await store.transaction(async (transaction) => ({
    cursor: await keepSetting(transaction, "cursorSecret", newSecret),
    session: await keepSetting(transaction, "sessionSecret", newSecret),
  }));
  const tokens = await TokenRing.open({ store, host, given: givenTokens(config) });
  await takeTokenFile(config, tokens);
  const endedSessions = await EndedSessions.open({ store, host });
  return {
    ...startToken(config, tokens),
    scopeOf: (text) => tokens.scopeOf(text),
    holderOf: (digest) => tokens.holderOf(digest),
    tokens,
    endedSessions,
    signingKeys: () => keys.signingKeys,
    rotateSigningKeys: (isForced) => keys.rotate(isForced),
    cursorSecret: Buffer.from(secrets.cursor, "base64"),
    sessionSecret: Buffer.from(secrets.session, "base64"),
    refresh: async () => {
      await keys.refresh();
      await tokens.refresh();
      await endedSessions.refresh();
    },
  };
}

function givenTokens(config: ServerConfig): readonly GivenToken[] {
  const { token, readOnlyToken, publishToken } = config;
  const given = [
    { id: "REPRISE_TOKEN", scope: "full", text: token },
    { id: "REPRISE_READ_ONLY_TOKEN", scope: "read-only", text: readOnlyToken },
    { id: "REPRISE_PUBLISH_TOKEN", scope: "publish-only", text: publishToken },
  ] as const;
  return given.flatMap(({ text, ...rest }) => (text === null ? [] : [{ ...rest, text }]));
}

function startToken({ token }: ServerConfig, tokens: TokenRing) {
  if (token !== null) return { token, tokenSource: "given", keepToken: async () => true } as const;
  if (tokens.hasStartToken) {
    return { token: "", tokenSource: "kept", keepToken: async () => true } as const;
  }
  const text = tokens.newText();
  const keepToken = () => tokens.keepStartToken(text, "first");
  return { token: text, tokenSource: "made", keepToken } as const;
}

/**
 * Takes over a token from the file `token` of the data directory: earlier versions kept it there, and who has lost the token
 * leaves a new one there. The file goes, so that no token lies on the disk.
 */
async function takeTokenFile(config: ServerConfig, tokens: TokenRing): Promise<void> {
  const { dataDir, databaseUrl } = config;
  if (dataDir === ":memory:" || databaseUrl !== null) return;
  const file = join(dataDir, "token");
  if (!existsSync(file)) return;
  const text = readFileSync(file, "utf8").trim();
  // An empty one is what a crash has left; an empty token would let everybody in.
  if (text !== "") {
    const fault = tokenFault(text);
    if (fault !== null) {
      throw new RepriseError("invalid_request", { message: `the token in ${file} ${fault}` });
    }
    await tokens.keepStartToken(text, "always");
  }
  rmSync(file);
}
