// `reprise publish`: sends a message to a URL or a URL group, at once, later, or through a queue.

import { readFile } from "node:fs/promises";
import { HEADER, isName } from "@reprise/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { addJsonOption, type JsonOption } from "./answer.ts";
import { ask, connectApi } from "./api-client.ts";
import { failure, systemCode, usageFault } from "./fault.ts";
import {
  addMessageOptions,
  addNotBefore,
  type MessageOptions,
  toMessageHeaders,
} from "./message-options.ts";
import { destinationSegment, segment } from "./paths.ts";
import { note, printJson, printLine, type Terminal } from "./terminal.ts";
import { plural } from "./text.ts";

export interface BodyOptions {
  readonly body?: string | undefined;
  readonly file?: string | undefined;
}

interface PublishOptions extends MessageOptions, BodyOptions, JsonOption {
  readonly queue?: string;
}

/** One message of the answer. */
interface Published {
  readonly messageId: string;
  readonly deduplicated?: boolean;
}

export function addPublishCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("publish")
    .description("send a message to a URL or to every endpoint of a URL group")
    .argument("<destination>", "URL, or name of a URL group");
  addNotBefore(addMessageOptions(addBodyOptions(command))).option(
    "--queue <name>",
    "through this queue",
    parseName,
  );
  addJsonOption(command)
    .addHelpText("after", publishExamples)
    .action((destination: string, options: PublishOptions) =>
      publish(destination, options, terminal),
    );
}

const publishExamples = `
Examples:
  reprise publish https://example.com/hook --body '{"order":7}'
  reprise publish orders --file order.json --delay 10m --retries 5
  cat report.csv | reprise publish https://example.com/reports --file - --header 'Content-Type: text/csv'`;

export function addBodyOptions(command: Command): Command {
  return command
    .option("--body <text>", "body of the message")
    .option("--file <path>", "file with the body; - is standard input");
}

function parseName(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError("Names have letters, digits, hyphens, underscores and dots.");
}

async function publish(
  destination: string,
  options: PublishOptions,
  terminal: Terminal,
): Promise<void> {
  const { queue } = options;
  const prefix = queue === undefined ? "/v2/publish" : `/v2/enqueue/${segment(queue, "the queue")}`;
  const path = `${prefix}/${destinationSegment(destination)}`;
  const headers = toMessageHeaders(options);
  const body = await readBody(options, terminal);
  const answer = await ask<Published | readonly Published[]>(connectApi(terminal), {
    method: "POST",
    path,
    headers: withContentType(headers, body),
    body,
  });
  if (options.json === true) return printJson(terminal, answer);
  const messages = [answer].flat();
  for (const { messageId } of messages) printLine(terminal, messageId);
  const repeatedCount = messages.filter(({ deduplicated }) => deduplicated === true).length;
  const repeated = repeatedCount > 0 ? `, ${repeatedCount} accepted before (deduplicated)` : "";
  note(terminal, `${plural(messages.length, "message")}${repeated}`);
}

/** The bytes of a message; nothing given is an empty body. */
export async function readBody(
  { body, file }: BodyOptions,
  terminal: Terminal,
  flags = "--body or --file",
): Promise<Uint8Array<ArrayBuffer>> {
  if (body !== undefined && file !== undefined) throw usageFault(`give ${flags}, not both`);
  if (file === "-") return terminal.readInput();
  if (file === undefined) return new TextEncoder().encode(body ?? "");
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw failure(`${file} cannot be read (${systemCode(error) ?? String(error)})`);
  }
}

/** Says that JSON is JSON, unless the person said what the body is: most frameworks read nothing without it. */
export function withContentType(
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Readonly<Record<string, string>> {
  const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === HEADER.contentType);
  return isGiven || !isJson(body)
    ? headers
    : { ...headers, [HEADER.contentType]: "application/json" };
}

function isJson(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    // A bare word or number may well be text.
    return typeof value === "object" && value !== null;
  } catch {
    return false; // Any other text, or bytes.
  }
}
