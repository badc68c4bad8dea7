import { RepriseError } from "@reprise/protocol";
import { expect, test } from "vitest";
import { forEachPart } from "./parts.ts";
import { select } from "./selection.ts";
import type { Terminal } from "./terminal.ts";

/** A terminal on which `stepMs` pass between two looks at the clock. */
function stepping(stepMs: number): { readonly terminal: Terminal; readonly said: string[] } {
  const said: string[] = [];
  let now = 0;
  const terminal: Terminal = {
    env: {},
    now: () => {
      now += stepMs;
      return now;
    },
    write: () => {},
    writeError: (text) => said.push(text),
    isInteractive: false,
    ask: async () => "",
    readInput: async () => new Uint8Array(),
    onStopSignal: () => () => {},
    exit: () => {},
  };
  return { terminal, said };
}

const ids = ["a", "b", "c", "d", "e"];

test("long work says how far it is, short work says nothing", async () => {
  const work = async (part: readonly string[]) => part;
  const slow = stepping(600);
  await forEachPart({ ids, sizeMax: 1, past: "done", work }, slow.terminal);
  expect(slow.said).toEqual(["done 2 of 5 ...\n", "done 4 of 5 ...\n"]);
  const fast = stepping(1);
  await forEachPart({ ids, sizeMax: 1, past: "done", work }, fast.terminal);
  expect(fast.said).toEqual([]);
});

test("a long search says how much it has found", async () => {
  async function* find() {
    for (const id of ids) yield [id];
  }
  const { terminal, said } = stepping(600);
  const options = { yes: true } as const;
  const request = { api: async () => null, ids: [], find, hasFilter: true, options };
  const selection = await select({ ...request, verb: "do", noun: "thing" }, terminal);
  expect(selection.ids).toEqual(ids);
  expect(said).toEqual(["found 2 so far ...\n", "found 4 so far ...\n"]);
});

test("a refused part is done one by one, and only what is refused then is missing", async () => {
  const parts: string[] = [];
  const work = async (part: readonly string[]) => {
    parts.push(part.join(""));
    if (!part.includes("c")) return part;
    throw new RepriseError("dead_letter_not_found", { message: "there is no c" });
  };
  const explain = async (id: string, error: Error) => `${error.message}, says ${id}`;
  const request = { ids, sizeMax: 2, past: "done", work, explain };
  const outcomes = await forEachPart(request, stepping(1).terminal);
  expect(parts).toEqual(["ab", "cd", "c", "d", "e"]);
  expect(outcomes).toEqual([
    ...[
      { id: "a", answer: "a" },
      { id: "b", answer: "b" },
    ],
    { id: "c", error: "there is no c, says c" },
    ...[
      { id: "d", answer: "d" },
      { id: "e", answer: "e" },
    ],
  ]);
});

test("a refusal that is not about one of them ends the work", async () => {
  let count = 0;
  const work = async () => {
    count++;
    throw new RepriseError("unauthorized", { message: "who are you" });
  };
  const request = { ids, sizeMax: 2, past: "done", work };
  await expect(forEachPart(request, stepping(1).terminal)).rejects.toThrow("who are you");
  expect(count).toBe(1);
});

test("an answer for fewer than were asked about is a fault", async () => {
  const request = { ids, sizeMax: 5, past: "done", work: async () => ["a"] };
  await expect(forEachPart(request, stepping(1).terminal)).rejects.toThrow("1 answer for 5");
});
