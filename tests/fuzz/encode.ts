import type { Finds } from "./finds.ts";
import type { FuzzRequest } from "./grammar.ts";

export interface Surroundings {
  readonly token: string;
  readonly port: number;
  /** Base URL of the server that answers deliveries. */
  readonly sinkUrl: string;
  readonly finds: Finds;
}

/** The bytes of a request. Line breaks within its parts are left out: they would make two requests of one. */
export function encodeRequest(request: FuzzRequest, surroundings: Surroundings): Buffer {
  const { token, port, sinkUrl, finds } = surroundings;
  const fill = (text: string): string => finds.fill(text.replaceAll("{sink}", sinkUrl));
  const target = encodeUnsendable(fill(request.target));
  const lines = [`${request.method} ${target} HTTP/1.1`];
  const names = new Set<string>();
  for (const [name, value] of request.headers) {
    names.add(name.toLowerCase());
    lines.push(`${name}: ${fill(value)}`);
  }
  if (!names.has("host")) lines.push(`Host: 127.0.0.1:${port}`);
  if (request.token === "good") lines.push(`Authorization: Bearer ${token}`);
  if (request.token === "wrong") lines.push("Authorization: Bearer wrong");
  const body = fillBody(request.body, fill);
  if (body.byteLength > 0 && request.isChunked) lines.push("Transfer-Encoding: chunked");
  else lines.push(`Content-Length: ${body.byteLength}`);
  const head = lines.map((line) => line.replaceAll(/[\r\n]/g, "")).join("\r\n");
  const content = body.byteLength > 0 && request.isChunked ? inChunks(body) : body;
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), content]);
}

/** A request line has no blanks, and its bytes are those of UTF-8 or none: the rest stays as odd as it was. */
function encodeUnsendable(target: string): string {
  const visible = target.replaceAll(/[^!-\u00ff]/g, (one) =>
    encodeURIComponent(one.toWellFormed()),
  );
  return visible === "" ? "/" : visible;
}

function fillBody(body: Uint8Array, fill: (text: string) => string): Buffer {
  const bytes = Buffer.from(body);
  return bytes.includes("{") ? Buffer.from(fill(bytes.toString("latin1")), "latin1") : bytes;
}

function inChunks(body: Buffer): Buffer {
  const half = Math.ceil(body.byteLength / 2);
  const parts = [body.subarray(0, half), body.subarray(half)].filter((part) => part.byteLength > 0);
  const chunks = parts.map((part) => {
    const size = Buffer.from(`${part.byteLength.toString(16)}\r\n`);
    return Buffer.concat([size, part, Buffer.from("\r\n")]);
  });
  return Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
}
