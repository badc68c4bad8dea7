// Every name that the official packages export is exported by ours, or the page about the move says what is in its place.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ourRuns from "@reprise/sdk";
import * as ourMessages from "@reprise/sdk/messages";
import * as theirMessages from "@upstash/qstash";
import * as theirRuns from "@upstash/workflow";
import { describe, expect, test } from "vitest";
import { exportedNames } from "./exported-names.ts";

const root = new URL("../../../", import.meta.url).pathname;
const official = join(root, "node_modules/@upstash");
const sources = join(root, "packages/sdk/src");
const page = readFileSync(join(root, "docs/migration.md"), "utf8");

/** What the tables of the last chapter have in their first column. */
const gone = page
  .slice(page.indexOf("## Names that are gone"))
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)])
  .map(([, name = ""]) => name);

function missingOf(theirs: string, ours: string): readonly string[] {
  const known = exportedNames(join(sources, ours));
  return exportedNames(join(official, theirs)).filter((name) => !known.includes(name));
}

const missing = [
  ...missingOf("workflow/index.d.mts", "index.ts"),
  ...missingOf("qstash/index.d.mts", "messages/index.ts"),
];

test("what is not exported is listed", () => {
  expect(missing.filter((name) => !gone.includes(name))).toEqual([]);
});

test("what is listed is not exported", () => {
  const foreign = gone.filter((name) => !missing.includes(name) && !name.startsWith("@upstash/"));
  // A name of an entry for a framework, which the next tests look at.
  expect(foreign).toEqual(["registerQStashDev"]);
});

test("the lists hold what a program finds", () => {
  expect(exportedNames(join(official, "workflow/index.d.mts"))).toEqual(
    expect.arrayContaining([...Object.keys(theirRuns), "TriggerOptions"]),
  );
  expect(exportedNames(join(official, "qstash/index.d.mts"))).toEqual(
    expect.arrayContaining([...Object.keys(theirMessages), "PublishRequest"]),
  );
  expect(exportedNames(join(sources, "index.ts"))).toEqual(
    expect.arrayContaining(Object.keys(ourRuns)),
  );
  expect(exportedNames(join(sources, "messages/index.ts"))).toEqual(
    expect.arrayContaining(Object.keys(ourMessages)),
  );
});

test("what exists at run time exists here", () => {
  const lost = [
    ...Object.keys(theirRuns).filter((name) => !(name in ourRuns)),
    ...Object.keys(theirMessages).filter((name) => !(name in ourMessages)),
  ];
  expect(lost.filter((name) => !gone.includes(name))).toEqual([]);
});

/** The official entries for frameworks, such as `qstash/nextjs`. */
const entries = ["workflow", "qstash"].flatMap((name) =>
  readdirSync(join(official, name))
    .filter((file) => file.endsWith(".d.mts") && !/^(index|types-|client-|serve-many-)/.test(file))
    .map((file) => `${name}/${file.replace(".d.mts", "")}`),
);

describe("entries for frameworks", () => {
  test("there are some of them", () => {
    expect(entries).toContain("workflow/nextjs");
    expect(entries.length).toBeGreaterThan(15);
  });

  test.each(entries)("%s", (entry) => {
    const name = entry.split("/")[1] ?? "";
    const ours = `adapters/${name}.ts`;
    const isListed = gone.includes(`@upstash/${entry}`);
    expect(existsSync(join(sources, ours)) || isListed).toBe(true);
    if (isListed) return;
    expect(page).toContain(`/${name}\``);
    const lost = missingOf(`${entry}.d.mts`, ours).filter((one) => !gone.includes(one));
    expect(lost).toEqual([]);
  });
});
