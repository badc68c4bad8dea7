/** Base64 of the wire: bodies in lists of steps, payloads of events, answers of services. */

interface NodeBuffer {
  from(bytes: Uint8Array): { toString(encoding: "base64"): string };
  from(
    text: string,
    encoding: "base64" | "utf8",
  ): { toString(encoding: "utf8" | "base64"): string };
}

/** Node's and Bun's own, several times as fast as `atob`; absent at the edge. */
// A global of those platforms alone, which the Web's types do not know.
const nodeBuffer = (globalThis as { readonly Buffer?: NodeBuffer }).Buffer;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The UTF-8 text that `base64` holds. */
export function textFromBase64(base64: string): string {
  if (nodeBuffer !== undefined) return nodeBuffer.from(base64, "base64").toString("utf8");
  return decoder.decode(bytesFromBase64(base64));
}

export function base64FromText(text: string): string {
  if (nodeBuffer !== undefined) return nodeBuffer.from(text, "utf8").toString("base64");
  return base64FromBytes(encoder.encode(text));
}

export function bytesFromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** Bytes at once: more arguments of a call than this overflow the stack of some engines. */
const CHUNK = 8_192;

export function base64FromBytes(bytes: Uint8Array): string {
  if (nodeBuffer !== undefined) return nodeBuffer.from(bytes).toString("base64");
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return btoa(binary);
}

/** Bytes as the wire keeps the answer of a service: each byte one character. */
export function textFromBytesOfLatin1(text: string): string {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // Not made of bytes: it has been decoded already.
    if (code > 0xff) return text;
    bytes[index] = code;
  }
  return decoder.decode(bytes);
}
