import type { HeaderMap } from "@reprise/protocol";
import { shellWord } from "../recover/shell.ts";
import { base64Of } from "./bytes.ts";

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
  const binary = binaryOf(text, base64);
  const body =
    binary !== null ? ["--data-binary @-"] : hasText(text) ? [`--data-raw ${shellWord(text)}`] : [];
  // Brackets in a URL are no pattern, and a text that begins with a dash is no option.
  const parts = [
    `-X ${shellWord(method)}`,
    ...lines,
    ...body,
    "--globoff",
    `--url ${shellWord(url)}`,
  ];
  const command = `curl ${parts.join(" \\\n  ")}`;
  return binary === null ? command : `printf %s ${shellWord(binary)} | base64 -d | ${command}`;
}

/** What goes through a pipe, as no word of a shell holds it. */
function binaryOf(text: string | undefined, base64: string | undefined): string | null {
  if (text?.includes("\0") === true) return base64Of(text);
  return text === undefined && base64 !== undefined && base64 !== "" ? base64 : null;
}

const hasText = (text: string | undefined): text is string => text !== undefined && text !== "";

/** curl drops a header that ends in a colon, and sends one that ends in a semicolon empty. */
function headerOf(name: string, value: string): string {
  return value === "" ? `${name};` : `${name}: ${value}`;
}
