import type { Case, CaseWorld, Context } from "./case.ts";
import { untilAttempt } from "./case.ts";

const counted =
  (world: CaseWorld, name: string, value: unknown = name) =>
  () => {
    world.count(name);
    return value;
  };

/** Values that go through a step and back. */
const VALUES: readonly (readonly [string, unknown])[] = [
  ["a number", 1.5],
  ["nothing", undefined],
  ["null", null],
  ["false", false],
  ["an empty text", ""],
  ["a text with every kind of character", 'grüße 👋 \n \u0000 " {}'],
  ["a text that looks like JSON", '{"a":1}'],
  ["a list", [1, [2, { three: 3 }], null]],
  ["a date, which becomes a text", new Date(0)],
  ["an object with fields that JSON leaves out", { kept: 1, left: undefined }],
];

export const stepCases: readonly Case[] = [
  ...VALUES.map(
    ([name, value]): Case => ({
      name: `a step gives ${name}`,
      route: (world) => async (context: Context) => {
        const given = await context.run("give", counted(world, "give", value));
        return { given, type: typeof given };
      },
    }),
  ),
  {
    name: "three steps in a row",
    route: (world) => async (context: Context) => {
      const a = await context.run("a", () => world.count("a"));
      const b = await context.run("b", () => world.count("b") + a);
      return context.run("c", () => world.count("c") + b);
    },
  },
  {
    name: "a loop of ten steps",
    route: (world) => async (context: Context) => {
      let sum = 0;
      for (let index = 0; index < 10; index++) {
        sum += await context.run(`step ${index}`, () => world.count("loop") * 0 + index);
      }
      return sum;
    },
  },
  {
    name: "steps of the same name",
    route: (world) => async (context: Context) => {
      const first = await context.run("same", () => world.count("same"));
      const second = await context.run("same", () => world.count("same"));
      return [first, second];
    },
  },
  {
    name: "a branch by a result",
    route: (world) => async (context: Context) => {
      const isBig = await context.run("look", () => true);
      return isBig ? context.run("big", counted(world, "big")) : context.run("small", () => 0);
    },
  },
  {
    name: "a payload of JSON",
    payload: { list: [1, 2], text: "ä" },
    route: () => async (context: Context) => context.run("echo", () => context.requestPayload),
  },
  {
    name: "a payload of text",
    payload: "plain text",
    route: () => async (context: Context) => context.run("echo", () => context.requestPayload),
  },
  {
    name: "no payload",
    route: () => async (context: Context) =>
      context.run("echo", () => ({ type: typeof context.requestPayload })),
  },
  {
    name: "a header of the trigger",
    headers: { "X-Tenant": "acme" },
    route: () => async (context: Context) =>
      context.run("echo", () => context.headers.get("x-tenant")),
  },
  {
    name: "a label",
    label: "urgent",
    route: () => async (context: Context) => context.run("echo", () => context.label),
  },
  {
    name: "no result",
    route: (world) => async (context: Context) => {
      await context.run("a", counted(world, "a"));
    },
  },
  {
    name: "code between the steps runs with every delivery",
    route: (world) => async (context: Context) => {
      await context.run("a", counted(world, "a"));
      await context.run("b", counted(world, "b"));
      return "done";
    },
  },
  {
    name: "a parser of the payload",
    payload: "3,4",
    options: () => ({
      // A case says nothing about the type of its payload.
      initialPayloadParser: (text: string) => text.split(",").map(Number) as never,
    }),
    route: () => async (context: Context) => context.run("echo", () => context.requestPayload),
  },
  {
    name: "a function that returns before its first step",
    retries: 1,
    retryDelay: "1",
    route: (world) => async () => {
      world.note("called", true);
    },
  },
  {
    name: "a step that is not awaited is done before the end",
    route: (world) => async (context: Context) => {
      void context.run("loose", counted(world, "loose"));
      return "early";
    },
  },
  {
    name: "a short sleep between steps",
    route: (world) => async (context: Context) => {
      await context.run("a", counted(world, "a"));
      await context.sleep("rest", 1);
      return context.run("b", counted(world, "b"));
    },
  },
  {
    name: "a sleep of no time at all",
    route: () => async (context: Context) => {
      await context.sleep("rest", 0);
      return context.run("b", () => "b");
    },
  },
  {
    name: "a sleep until an instant that has passed",
    route: () => async (context: Context) => {
      await context.sleepUntil("past", new Date(1_000));
      return context.run("b", () => "b");
    },
  },
  {
    name: "a sleep at the very end",
    route: () => async (context: Context) => {
      await context.run("a", () => "a");
      await context.sleep("rest", "1s");
    },
  },
  {
    name: "the run cancels itself",
    route: (world) => async (context: Context) => {
      await context.run("a", counted(world, "a"));
      await context.cancel();
      return context.run("never", counted(world, "never"));
    },
  },
  {
    name: "a step sees how often it was tried",
    retryDelay: "1",
    route: (world) => async (context: Context) =>
      context.run("try", ({ retried }) => [untilAttempt(3, world, "try"), retried]),
  },
];
