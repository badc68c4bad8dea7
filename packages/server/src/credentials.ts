import { hash, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Credentials } from "./api/room.ts";
import type { ServerConfig } from "./config.ts";
import { KeyRing, keepSetting } from "./engine/key-ring.ts";
import type { Host } from "./host/host.ts";
import type { Store } from "./store/store.ts";

export interface OpenedCredentials extends Credentials {
  readonly token: string;
  /** The file that keeps a generated token; null when the token was given. */
  readonly tokenFile: string | null;
}

/** Reads token, signing keys and secrets; what is missing is made at the first start and kept. */
export async function openCredentials(
  config: ServerConfig,
  store: Store,
  host: Host,
): Promise<OpenedCredentials> {
  const randomBytes = (count: number) => host.randomBytes(count);
  const ring = await KeyRing.open(store, randomBytes, config.signingKeys);
  const secret = await keepSetting(store, "cursorSecret", null, () =>
    Buffer.from(randomBytes(32)).toString("base64"),
  );
  const { token, tokenFile } = openToken(config, randomBytes);
  const digest = sha256(token);
  return {
    token,
    tokenFile,
    isToken: (candidate) => timingSafeEqual(sha256(candidate), digest),
    signingKeys: () => ring.signingKeys,
    rotateSigningKeys: () => ring.rotate(),
    cursorSecret: Buffer.from(secret, "base64"),
  };
}

function openToken(
  config: ServerConfig,
  randomBytes: (count: number) => Uint8Array,
): { readonly token: string; readonly tokenFile: string | null } {
  if (config.token !== null) return { token: config.token, tokenFile: null };
  const token = () => {
    const password = Buffer.from(randomBytes(32)).toString("base64url");
    return Buffer.from(JSON.stringify({ UserID: "reprise", Password: password })).toString(
      "base64",
    );
  };
  if (config.dataDir === ":memory:") return { token: token(), tokenFile: null };
  const tokenFile = join(config.dataDir, "token");
  // A file without a token is what a crash leaves between making it and writing it; an empty token would let everybody in.
  if (!existsSync(tokenFile) || readToken(tokenFile) === "") {
    writeFileSync(tokenFile, `${token()}\n`, { mode: 0o600, flush: true });
  }
  chmodSync(tokenFile, 0o600);
  return { token: readToken(tokenFile), tokenFile };
}

function readToken(file: string): string {
  return readFileSync(file, "utf8").trim();
}

function sha256(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
