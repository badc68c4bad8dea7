import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

/** Who is logged in, as the cookie holds it. */
export interface SealedSession {
  /** SHA-256 of the token; null for the person at a development server, who needs none. */
  readonly digest: Uint8Array | null;
  /** Of this login alone. */
  readonly id: string;
  /** The login. */
  readonly startedAt: number;
  readonly expiresAt: number;
  /** Whether the browser came over HTTPS: the cookie goes back the same way only. */
  readonly isSecure: boolean;
}

/**
 * Sessions as texts that nobody can read or make who has not the secret of this installation. Whatever is needed is in the text, so
 * that no server remembers who is logged in. It holds a digest and not the token: not even the secret brings a token to light.
 */
export interface SessionSeal {
  readonly seal: (session: SealedSession) => string;
  /** Null for what this installation has not sealed; whether it is over is for the caller to say. */
  readonly open: (text: string) => SealedSession | null;
}

const PURPOSE = "reprise dashboard session, 2";
const IV_BYTES = 12;
const TAG_BYTES = 16;
const DIGEST_BYTES = 32;
const ID_BYTES = 16;
const START_AT = 1;
const END_AT = START_AT + 8;
const ID_AT = END_AT + 8;
const HEAD_BYTES = ID_AT + ID_BYTES;
const TEXT_CHARS_MAX = 200;
const IS_SECURE = 1;

export function createSessionSeal(
  secret: Uint8Array,
  randomBytes: (count: number) => Uint8Array,
): SessionSeal {
  const key = new Uint8Array(hkdfSync("sha256", secret, "", PURPOSE, 32));
  return {
    seal: (session) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, iv);
      const sealed = [iv, cipher.update(toBytes(session)), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(sealed).toString("base64url");
    },
    open: (text) => {
      if (text.length > TEXT_CHARS_MAX || !/^[\w-]+$/.test(text)) return null;
      const bytes = Buffer.from(text, "base64url");
      if (bytes.byteLength < IV_BYTES + HEAD_BYTES + TAG_BYTES) return null;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        const opened = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
        return fromBytes(Buffer.concat([opened, decipher.final()]));
      } catch {
        // The tag does not fit: sealed by somebody else, or changed.
        return null;
      }
    },
  };
}

/** Of a new login. */
export function newSessionId(randomBytes: (count: number) => Uint8Array): string {
  return Buffer.from(randomBytes(ID_BYTES)).toString("base64url");
}

function toBytes({ digest, id, startedAt, expiresAt, isSecure }: SealedSession): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(isSecure ? IS_SECURE : 0, 0);
  head.writeBigUInt64BE(BigInt(startedAt), START_AT);
  head.writeBigUInt64BE(BigInt(expiresAt), END_AT);
  head.write(id, ID_AT, ID_BYTES, "base64url");
  return Buffer.concat([head, digest ?? new Uint8Array()]);
}

function fromBytes(bytes: Buffer): SealedSession | null {
  const digest = bytes.subarray(HEAD_BYTES);
  if (digest.byteLength !== 0 && digest.byteLength !== DIGEST_BYTES) return null;
  return {
    digest: digest.byteLength === 0 ? null : digest,
    id: bytes.subarray(ID_AT, HEAD_BYTES).toString("base64url"),
    startedAt: Number(bytes.readBigUInt64BE(START_AT)),
    expiresAt: Number(bytes.readBigUInt64BE(END_AT)),
    isSecure: bytes.readUInt8(0) === IS_SECURE,
  };
}
