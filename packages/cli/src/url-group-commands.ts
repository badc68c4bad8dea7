// `reprise url-groups`: names for lists of endpoints.

import type { UrlGroupEndpoint, UrlGroupResource } from "@reprise/protocol";
import type { Command } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { type Api, ask, askList, connectApi } from "./api-client.ts";
import { addSureOption, confirm, type SureOption } from "./confirm.ts";
import { formatInstant } from "./instant.ts";
import { formatHeaders, section } from "./message-view.ts";
import { segment } from "./paths.ts";
import type { Terminal } from "./terminal.ts";
import { formatFields, formatTable, oneLine, plain, plural } from "./text.ts";

const PATH = "/v2/topics";

export function addUrlGroupCommands(program: Command, terminal: Terminal): void {
  const groups = program.command("url-groups").description("look at URL groups and change them");
  const list = groups.command("list").description("list URL groups");
  addJsonOption(list).action(async (options: JsonOption) => {
    const all = await askList<UrlGroupResource>(connectApi(terminal), { path: PATH });
    printList(all, { ...options, noun: "URL group" }, formatGroupTable, terminal);
  });
  const show = groups.command("show").description("show a URL group").argument("<name>");
  addJsonOption(show).action(async (name: string, options: JsonOption) => {
    printAnswer(await getGroup(connectApi(terminal), name), options, formatGroup, terminal);
  });
  addChangeCommand(groups, "add", terminal);
  addChangeCommand(groups, "remove", terminal);
  addDeleteCommand(groups, terminal);
}

function groupPath(name: string): string {
  return `${PATH}/${segment(name, "the name")}`;
}

function getGroup(api: Api, name: string): Promise<UrlGroupResource> {
  return ask<UrlGroupResource>(api, { path: groupPath(name) });
}

function addChangeCommand(groups: Command, verb: "add" | "remove", terminal: Terminal): void {
  const isAdding = verb === "add";
  const command = groups
    .command(verb)
    .description(
      isAdding
        ? "add endpoints, or give known ones another name; makes the group if there is none"
        : "remove endpoints; a group without any is deleted",
    )
    .argument("<name>")
    .argument("<endpoint...>", isAdding ? "URL, or name=URL" : "URL or name of an endpoint");
  addJsonOption(command).action(
    async (name: string, texts: readonly string[], options: JsonOption) => {
      const endpoints = texts.map(isAdding ? toEndpoint : toMark);
      const method = isAdding ? "POST" : "DELETE";
      const path = `${groupPath(name)}/endpoints`;
      const answer = await connectApi(terminal)({ method, path, body: { endpoints } });
      const past = isAdding ? "added" : "removed";
      printDone(answer, options, `${name}: ${plural(texts.length, "endpoint")} ${past}`, terminal);
    },
  );
}

/** `name=URL`: no URL has an equals sign before its scheme. */
function toEndpoint(text: string): UrlGroupEndpoint {
  const [, name, url] = /^([\w.-]+)=(https?:.*)$/is.exec(text) ?? [];
  return name === undefined || url === undefined ? { url: text } : { name, url };
}

function toMark(text: string): Partial<UrlGroupEndpoint> {
  return /^https?:/i.test(text) ? { url: text } : { name: text };
}

function addDeleteCommand(groups: Command, terminal: Terminal): void {
  const command = groups.command("delete").description("delete a URL group").argument("<name>");
  addSureOption(addJsonOption(command)).action(
    async (name: string, options: JsonOption & SureOption) => {
      const api = connectApi(terminal);
      // The API answers a deletion of nothing like any other.
      const { endpoints } = await getGroup(api, name);
      const what = `delete the URL group ${name} with ${plural(endpoints.length, "endpoint")}`;
      await confirm(what, options, terminal);
      const answer = await api({ method: "DELETE", path: groupPath(name) });
      printDone(answer, options, `${name}: deleted`, terminal);
    },
  );
}

function formatGroupTable(groups: readonly UrlGroupResource[]): string {
  const rows = groups.map(({ name, endpoints, updatedAt }) => [
    name,
    String(endpoints.length),
    formatInstant(updatedAt),
  ]);
  return formatTable(["URL group", "endpoints", "changed"], rows);
}

function formatGroup(group: UrlGroupResource): string {
  const facts = formatFields([
    ["URL group", group.name],
    ["created", formatInstant(group.createdAt)],
    ["changed", formatInstant(group.updatedAt)],
  ]);
  const endpoints = group.endpoints.map(({ name, url }) =>
    oneLine(name === undefined ? url : `${name}=${url}`, 2000),
  );
  return [
    plain(facts),
    section("endpoints", endpoints.join("\n")),
    section("default headers", formatHeaders(group.headers)),
  ].join("\n\n");
}
