import { QstashError, SignatureError, type SignatureFault } from "../errors.ts";
import { base64FromBytes, bytesFromBase64 } from "../wire/base64.ts";
import {
  DEVELOPMENT,
  type Environment,
  isDevelopment,
  readEnvironment,
} from "../wire/environment.ts";
import { type Digests, findDigests } from "./digests.ts";

/** Checks that a request comes from the server: its signature is a JWT with HS256 over the URL and the body. */

export interface ReceiverConfig {
  /** `QSTASH_CURRENT_SIGNING_KEY` when not given. */
  readonly currentSigningKey?: string | undefined;
  /** `QSTASH_NEXT_SIGNING_KEY` when not given; the server signs with it behind its next rotation. */
  readonly nextSigningKey?: string | undefined;
  /** A server of development is meant: its keys in place of others. When `QSTASH_DEV` is set. */
  readonly devMode?: boolean | undefined;
}

/** The keys that signatures may be made with; none when nothing is said about them. */
export function signingKeysOf(
  { currentSigningKey, nextSigningKey, devMode }: ReceiverConfig,
  environment: Environment,
): readonly string[] {
  const isDev = isDevelopment(environment, devMode);
  if (isDev) return [DEVELOPMENT.currentSigningKey, DEVELOPMENT.nextSigningKey];
  const current = currentSigningKey || environment.QSTASH_CURRENT_SIGNING_KEY || "";
  const next = nextSigningKey || environment.QSTASH_NEXT_SIGNING_KEY || "";
  return [current, next].filter((key) => key !== "");
}

/** A request, and how strictly it is checked. */
export interface VerifyRequest {
  /** The header `Upstash-Signature`. */
  readonly signature: string;
  /** The body as it came: a parser and a printer in between would change it. */
  readonly body: string | Uint8Array;
  /** The URL that the message was sent to, when it is to be checked. */
  readonly url?: string | undefined;
  /** Seconds by which the clocks of server and app may differ; 0 when not given. */
  readonly clockTolerance?: number | undefined;
  /** The keys do not depend on it: it is taken so that callers need not be changed. */
  readonly upstashRegion?: string | undefined;
}

interface Claims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly iat?: unknown;
  readonly body?: unknown;
}

interface Token {
  readonly claims: Claims;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Holds the keys of a server; one object serves every request. */
export class Receiver {
  readonly #config: ReceiverConfig;
  readonly #environment: Environment | undefined;
  readonly #digests: Digests;

  /** @param environment variables to read in place of those of the process. */
  constructor(
    config: ReceiverConfig = {},
    environment?: Environment,
    digests: Digests = findDigests(),
  ) {
    this.#config = config;
    this.#digests = digests;
    this.#environment = environment;
  }

  /**
   * True when the request is genuine.
   * @throws SignatureError that says what is wrong when it is not, and QstashError when there are no keys.
   */
  async verify(request: VerifyRequest): Promise<true> {
    const token = readToken(request.signature);
    await this.#checkKey(token);
    checkClaims(token.claims, request);
    await this.#checkBody(token.claims, request.body);
    return true;
  }

  async #checkKey({ signature, signed }: Token): Promise<void> {
    for (const secret of this.#secrets()) {
      if (await this.#digests.isSigned({ secret, signed, signature })) return;
    }
    const hint =
      "the app has the keys of another server, or from before a rotation; compare GET /v2/keys";
    throw fault("key", `was made with neither the current nor the next signing key: ${hint}`);
  }

  #secrets(): readonly string[] {
    const secrets = signingKeysOf(this.#config, this.#environment ?? readEnvironment());
    if (secrets.length > 0) return secrets;
    throw new QstashError(
      "there are no signing keys: set QSTASH_CURRENT_SIGNING_KEY and QSTASH_NEXT_SIGNING_KEY, or give them to the Receiver",
    );
  }

  async #checkBody({ body: claimed }: Claims, body: string | Uint8Array): Promise<void> {
    if (typeof claimed !== "string") throw fault("malformed", "has no claim body");
    const bytes = typeof body === "string" ? encoder.encode(body) : new Uint8Array(body);
    const digest = await this.#digests.sha256(bytes);
    if (claimed.replace(/=+$/, "") === toBase64Url(digest)) return;
    const hint = "was it parsed and printed again, or read with another encoding?";
    throw fault("body", `is for another body than the ${bytes.byteLength} bytes given: ${hint}`);
  }
}

function readToken(text: string): Token {
  if (typeof text !== "string" || text === "") {
    throw fault("missing", "is missing: the request has no header Upstash-Signature");
  }
  const parts = text.split(".");
  const [head = "", payload = "", signature = ""] = parts;
  if (parts.length !== 3)
    throw fault("malformed", `is no JWT: it has ${parts.length} parts, not 3`);
  checkHead(head);
  return {
    claims: readPart(payload, "payload"),
    signed: encoder.encode(`${head}.${payload}`),
    signature: readBytes(signature, "signature"),
  };
}

/** The first part of the last signature: a server writes the same again and again. */
let knownHead = "";

function checkHead(head: string): void {
  if (head === knownHead) return;
  const header = readPart(head, "header");
  if (header.alg !== "HS256") {
    throw fault("algorithm", `has the algorithm ${JSON.stringify(header.alg)}, not HS256`);
  }
  if (header.crit !== undefined) throw fault("malformed", "asks for extensions that nobody knows");
  knownHead = head;
}

function readPart(text: string, name: string): Record<string, unknown> {
  const json = decoder.decode(readBytes(text, name));
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      // Parsed JSON that is an object and no list is a record.
      return value as Record<string, unknown>;
    }
  } catch {
    // No JSON: the same fault.
  }
  throw fault("malformed", `is no JWT: its ${name} is no JSON object`);
}

function readBytes(text: string, name: string): Uint8Array<ArrayBuffer> {
  try {
    return bytesFromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch (cause) {
    throw fault("malformed", `is no JWT: its ${name} is no base64url`, cause);
  }
}

function checkClaims(claims: Claims, { url, clockTolerance = 0 }: VerifyRequest): void {
  const { iss, exp, nbf, iat, sub } = claims;
  if (iss !== "Upstash")
    throw fault("issuer", `was issued by ${JSON.stringify(iss)}, not "Upstash"`);
  const now = Math.floor(Date.now() / 1000);
  for (const [name, value] of Object.entries({ exp, nbf, iat })) {
    if (value !== undefined && typeof value !== "number") {
      throw fault("malformed", `has a claim ${name} that is no number`);
    }
  }
  if (typeof nbf === "number" && nbf > now + clockTolerance) {
    throw fault("early", `is valid in ${nbf - now} s only: is the app's clock slow?`);
  }
  if (typeof exp === "number" && exp <= now - clockTolerance) {
    const hint = "the request is old, or the app's clock is fast; see clockTolerance";
    throw fault("expired", `expired ${now - exp} s ago: ${hint}`);
  }
  if (url !== undefined && sub !== url) {
    throw fault("url", `is for ${JSON.stringify(sub)}, but url is ${JSON.stringify(url)}`);
  }
}

function fault(name: SignatureFault, text: string, cause?: unknown): SignatureError {
  return new SignatureError(`the signature ${text}`, name, cause === undefined ? {} : { cause });
}

function toBase64Url(bytes: Uint8Array): string {
  return base64FromBytes(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
