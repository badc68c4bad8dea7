// `reprise queues`: lines of messages that are delivered in order.

import type { QueueResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { type Api, ask, askList, connectApi } from "./api-client.ts";
import { addSureOption, confirm, type SureOption } from "./confirm.ts";
import { formatInstant } from "./instant.ts";
import { parseCount } from "./list-options.ts";
import { segment } from "./paths.ts";
import type { Terminal } from "./terminal.ts";
import { formatFields, formatTable, plural } from "./text.ts";

const PATH = "/v2/queues";

export function addQueueCommands(program: Command, terminal: Terminal): void {
  const queues = program.command("queues").description("look at queues and change them");
  const list = queues.command("list").description("list queues and how much waits in each");
  addJsonOption(list).action(async (options: JsonOption) => {
    const all = await askList<QueueResource>(connectApi(terminal), { path: PATH });
    printList(all, { ...options, noun: "queue" }, formatQueueTable, terminal);
  });
  const show = queues.command("show").description("show a queue").argument("<name>");
  addJsonOption(show).action(async (name: string, options: JsonOption) => {
    printAnswer(await getQueue(connectApi(terminal), name), options, formatQueue, terminal);
  });
  addSetCommand(queues, terminal);
  addSwitchCommand(queues, "pause", terminal);
  addSwitchCommand(queues, "resume", terminal);
  addDeleteCommand(queues, terminal);
}

function queuePath(name: string): string {
  return `${PATH}/${segment(name, "the name")}`;
}

function getQueue(api: Api, name: string): Promise<QueueResource> {
  return ask<QueueResource>(api, { path: queuePath(name) });
}

function addSetCommand(queues: Command, terminal: Terminal): void {
  const set = queues
    .command("set")
    .description("make a queue, or change how many of its messages are delivered at once")
    .argument("<name>")
    .requiredOption("--parallelism <number>", "deliveries in flight at once", parseCount);
  addJsonOption(set).action(
    async (queueName: string, options: JsonOption & { readonly parallelism: number }) => {
      const { parallelism } = options;
      const request = { method: "POST", path: PATH, body: { queueName, parallelism } } as const;
      const answer = await connectApi(terminal)(request);
      printDone(answer, options, `${queueName}: parallelism ${parallelism}`, terminal);
    },
  );
}

function addSwitchCommand(queues: Command, verb: "pause" | "resume", terminal: Terminal): void {
  const description =
    verb === "pause" ? "start no delivery of a queue any more" : "go on with a paused queue";
  const command = queues.command(verb).description(description).argument("<name>");
  addJsonOption(command).action(async (name: string, options: JsonOption) => {
    const path = `${queuePath(name)}/${verb}`;
    const answer = await connectApi(terminal)({ method: "POST", path });
    printDone(answer, options, `${name}: ${verb}d`, terminal);
  });
}

function addDeleteCommand(queues: Command, terminal: Terminal): void {
  const command = queues
    .command("delete")
    .description("delete a queue with the messages that wait in it")
    .argument("<name>");
  addSureOption(addJsonOption(command)).action(
    async (name: string, options: JsonOption & SureOption) => {
      const api = connectApi(terminal);
      const { lag } = await getQueue(api, name);
      await confirm(
        `delete the queue ${name} with ${plural(lag, "unfinished message")}`,
        options,
        terminal,
      );
      const answer = await api({ method: "DELETE", path: queuePath(name) });
      printDone(answer, options, `${name}: deleted`, terminal);
    },
  );
}

function formatQueueTable(queues: readonly QueueResource[]): string {
  const rows = queues.map(({ name, lag, parallelism, paused }) => [
    name,
    String(lag),
    String(parallelism),
    paused ? "yes" : "no",
  ]);
  return formatTable(["queue", "unfinished", "parallelism", "paused"], rows);
}

function formatQueue(queue: QueueResource): string {
  return formatFields([
    ["queue", queue.name],
    ["unfinished", String(queue.lag)],
    ["parallelism", String(queue.parallelism)],
    ["paused", queue.paused ? "yes" : "no"],
    ["created", formatInstant(queue.createdAt)],
    ["changed", formatInstant(queue.updatedAt)],
  ]);
}
