import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** Certificates made for one test, so that no key is kept in the repository and none runs out. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  /** The name, or address, that it is for. */
  readonly name: string;
  readonly isAuthority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Itself when not given. */
  readonly issuer?: { readonly name: string; readonly key: string };
}

const DAY_MS = 86_400_000;

export function makeCertificate(options: CertificateOptions): Certificate {
  const now = Date.now();
  const { name, notBefore = new Date(now - DAY_MS), notAfter = new Date(now + DAY_MS) } = options;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(ECDSA_WITH_SHA256);
  const body = sequence(
    der(0xa0, integer(2)),
    integer(Math.floor(Math.random() * 2 ** 31) + 1),
    algorithm,
    distinguishedName(options.issuer?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(name),
    exported(publicKey),
    der(
      0xa3,
      sequence(alternativeNames(name), ...(options.isAuthority === true ? [AUTHORITY] : [])),
    ),
  );
  const signature = sign("sha256", body, options.issuer?.key ?? privateKey);
  const bytes = sequence(body, algorithm, bitString(signature)).toString("base64");
  const lines = bytes.match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

/** One value of DER: tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, ...parts);
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(value, 1);
  // No more leading zeros than the sign needs.
  let start = 0;
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 128) start += 1;
  return der(0x02, bytes.subarray(start));
}

function bitString(bytes: Uint8Array): Buffer {
  return der(0x03, Buffer.from([0]), bytes);
}

function time(at: Date): Buffer {
  const text = at.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(0x18, Buffer.from(text));
}

function identifier(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

const ECDSA_WITH_SHA256 = identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
const COMMON_NAME = identifier(0x55, 0x04, 0x03);

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
}

function exported(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function extension(id: Buffer, content: Buffer): Buffer {
  return sequence(id, der(0x04, content));
}

function alternativeNames(name: string): Buffer {
  return extension(identifier(0x55, 0x1d, 0x11), sequence(der(0x82, Buffer.from(name))));
}

const AUTHORITY = extension(identifier(0x55, 0x1d, 0x13), sequence(der(0x01, Buffer.from([0xff]))));
