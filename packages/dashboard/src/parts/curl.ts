import type { HeaderMap } from "@reprise/protocol";
import { shellWord } from "../recover/shell.ts";

export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderMap;
  readonly text?: string | undefined;
  /** In its place when the bytes are no text. */
  readonly base64?: string | undefined;
}

/** What curl says itself, and what belongs to a connection. */
const OWN = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A request as a command of a shell. Whatever it holds, it stays one word. */
export function toCurl({ method, url, headers, text, base64 }: CurlRequest): string {
  const lines = Object.entries(headers)
    .filter(([name]) => !OWN.has(name.toLowerCase()))
    .flatMap(([name, values]) => values.map((value) => `-H ${shellWord(headerOf(name, value))}`));
  const isBinary = text === undefined && base64 !== undefined && base64 !== "";
  const body = isBinary
    ? ["--data-binary @-"]
    : hasText(text)
      ? [`--data-raw ${shellWord(text)}`]
      : [];
  // Brackets in a URL are no pattern, and a text that begins with a dash is no option.
  const parts = [
    `-X ${shellWord(method)}`,
    ...lines,
    ...body,
    "--globoff",
    `--url ${shellWord(url)}`,
  ];
  const command = `curl ${parts.join(" \\\n  ")}`;
  return isBinary ? `printf %s ${shellWord(base64)} | base64 -d | ${command}` : command;
}

const hasText = (text: string | undefined): text is string => text !== undefined && text !== "";

/** curl drops a header that ends in a colon, and sends one that ends in a semicolon empty. */
function headerOf(name: string, value: string): string {
  return value === "" ? `${name};` : `${name}: ${value}`;
}
