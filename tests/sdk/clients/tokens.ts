import { createHash, createHmac } from "node:crypto";

/** Signatures made by Node, which shares no code with what checks them. */

export interface TokenParts {
  readonly key: string;
  readonly body?: string | Uint8Array;
  /** In place of those of a genuine token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export const URL_SIGNED = "https://app.test/hook";

/** A token of the server for this body, valid from now on for five minutes. */
export function signToken({ key, body = "", claims = {}, header = {} }: TokenParts): string {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: "Upstash",
    sub: URL_SIGNED,
    exp: now + 300,
    nbf: 0,
    iat: now,
    jti: "jwt_1",
    body: `${createHash("sha256").update(body).digest("base64url")}=`,
    ...claims,
  };
  const text = `${encode({ alg: "HS256", typ: "JWT", ...header })}.${encode(payload)}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
