/**
 * SHA-256 and its HMAC. Node and its likes have them at hand; Web crypto, which is everywhere, hands each small piece of work over to
 * another thread, and that takes an app as long as everything else that happens to a delivery.
 */

type Bytes = Uint8Array<ArrayBuffer>;

export interface Digests {
  sha256(bytes: Bytes): Bytes | Promise<Bytes>;
  /** Whether the signature is the HMAC of the text under the secret; compares in constant time. */
  isSigned(request: SignedText): boolean | Promise<boolean>;
}

export interface SignedText {
  readonly secret: string;
  readonly signed: Bytes;
  readonly signature: Bytes;
}

interface Hasher {
  update(data: Bytes): Hasher;
  digest(): Bytes;
}

interface NodeCrypto {
  createHash(algorithm: "sha256"): Hasher;
  createHmac(algorithm: "sha256", key: string): Hasher;
  timingSafeEqual(a: Bytes, b: Bytes): boolean;
}

interface ProcessLike {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
}

export function findDigests(): Digests {
  // A global of Node and its likes, which the Web's types do not know.
  const { process } = globalThis as ProcessLike;
  // An import would need a bundler to know of it, and the edge has none.
  const node = process?.getBuiltinModule?.("node:crypto") as NodeCrypto | undefined;
  return node === undefined ? new WebDigests() : nodeDigests(node);
}

function nodeDigests({ createHash, createHmac, timingSafeEqual }: NodeCrypto): Digests {
  return {
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    isSigned: ({ secret, signed, signature }) => {
      const wanted = createHmac("sha256", secret).update(signed).digest();
      return wanted.byteLength === signature.byteLength && timingSafeEqual(wanted, signature);
    },
  };
}

/** Keys that are kept: two of the settings, and two behind a rotation. */
const KEYS_MAX = 4;

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** Where there is nothing but the Web. */
export class WebDigests implements Digests {
  readonly #keys = new Map<string, Promise<CryptoKey>>();

  async sha256(bytes: Bytes): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  }

  async isSigned({ secret, signed, signature }: SignedText): Promise<boolean> {
    return crypto.subtle.verify(HMAC, await this.#keyOf(secret), signature, signed);
  }

  #keyOf(secret: string): Promise<CryptoKey> {
    const known = this.#keys.get(secret);
    if (known !== undefined) return known;
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    const bytes = new TextEncoder().encode(secret);
    const key = crypto.subtle.importKey("raw", bytes, HMAC, false, ["verify"]);
    this.#keys.set(secret, key);
    return key;
  }
}
