// `reprise dlq groups`: what went wrong, and how often, in place of one line for each dead letter.

import type { FailureGroup } from "@reprise/protocol";
import type { Command } from "commander";
import { printList } from "./answer.ts";
import { connectApi } from "./api-client.ts";
import { DEAD_QUEUES, type DeadKind, type KindOptions, kindsOf } from "./dead-letter-lists.ts";
import { addFilters, type FilterOptions, type FilterSet, toQuery } from "./filters.ts";
import { formatInstant } from "./instant.ts";
import { addListOptions, type ListOptions } from "./list-options.ts";
import { listFirst } from "./pages.ts";
import type { Terminal } from "./terminal.ts";
import { formatTable, oneLine } from "./text.ts";

type Options = FilterOptions & KindOptions & ListOptions & { readonly largest?: true };

const PAGE_SIZE_MAX = 100;

interface ListedGroup extends FailureGroup {
  readonly kind: DeadKind;
}

interface GroupsCommand {
  readonly filters: FilterSet;
  /** Adds the flags that choose between runs and messages. */
  readonly addKinds: (command: Command) => Command;
}

export function addGroupsCommand(
  dlq: Command,
  { filters, addKinds }: GroupsCommand,
  terminal: Terminal,
): void {
  const groups = dlq
    .command("groups")
    .description("list what went wrong, and how often, the newest failure first")
    .option("--largest", "those with the most dead letters first");
  addListOptions(addKinds(addFilters(groups, terminal, filters))).action((options: Options) =>
    listGroups(options, terminal),
  );
}

async function listGroups(options: Options, terminal: Terminal): Promise<void> {
  const api = connectApi(terminal);
  const isLargest = options.largest === true;
  const all: ListedGroup[] = [];
  let hasMore = false;
  for (const kind of kindsOf(options)) {
    const { path, filters } = DEAD_QUEUES[kind];
    const query = [...toQuery(options, filters), ["sort", isLargest ? "count" : "last"] as const];
    const request = { path: `${path}/groups`, query, field: "groups", pageSizeMax: PAGE_SIZE_MAX };
    const found = await listFirst<FailureGroup>(api, request, options.limit);
    all.push(...found.items.map((group) => ({ ...group, kind })));
    hasMore ||= found.hasMore;
  }
  const rank = (group: FailureGroup) => (isLargest ? group.count : group.lastFailedAt);
  const items = all.toSorted((a, b) => rank(b) - rank(a)).slice(0, options.limit);
  const more = { ...options, noun: "group", hasMore: hasMore || all.length > items.length };
  printList(items, more, formatGroups, terminal);
}

function formatGroups(groups: readonly ListedGroup[]): string {
  const rows = groups.map((group) => [
    group.groupId,
    group.kind,
    String(group.count),
    formatInstant(group.lastFailedAt),
    group.cause,
    group.responseStatus === null ? "-" : String(group.responseStatus),
    oneLine(group.stepName ?? "-", 30),
    oneLine(group.url, 60),
    oneLine(group.message, 80),
  ]);
  const heading = ["group", "kind", "count", "last", "cause", "status", "step", "url", "message"];
  return formatTable(heading, rows);
}
