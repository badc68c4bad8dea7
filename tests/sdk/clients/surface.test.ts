// Every method of our clients is called on a real server by some test here.

import { readdirSync, readFileSync } from "node:fs";
import { Client as RunClient } from "@reprise/sdk";
import { Client as MessageClient } from "@reprise/sdk/messages";
import { expect, test } from "vitest";

const config = { baseUrl: "http://127.0.0.1", token: "t" } as const;
const messages = new MessageClient(config);
const runs = new RunClient(config);

/** What tests call the objects. */
const OBJECTS: Readonly<Record<string, object>> = {
  "client|reader": messages,
  "client\\.messages|messages": messages.messages,
  "client\\.dlq|dlq": messages.dlq,
  "client\\.logs": messages.logs,
  "client\\.schedules|reader\\.schedules": messages.schedules,
  "client\\.urlGroups": messages.urlGroups,
  "flowControl|client\\.flowControl": messages.flowControl,
  "client\\.bulkActions": messages.bulkActions,
  "client\\.keys": messages.keys,
  "client\\.tokens": messages.tokens,
  "queue|client\\.queue\\([^)]*\\)": messages.queue({ queueName: "q" }),
  "(?:runClient\\(world\\)|client)": runs,
  "(?:client\\.)?dlq": runs.dlq,
};

const directory = new URL(".", import.meta.url);

const sources = readdirSync(directory)
  .filter((name) => name.startsWith("live-"))
  .map((name) => readFileSync(new URL(name, directory), "utf8"))
  .join("\n");

/** Methods of the class, and functions that hang on the object itself. */
function methodsOf(one: object): readonly string[] {
  // An object with a class has a prototype.
  const prototype = Object.getPrototypeOf(one) as object;
  const described: Readonly<Record<string, PropertyDescriptor>> =
    typeof one === "function" ? {} : Object.getOwnPropertyDescriptors(prototype);
  const methods = Object.entries(described).flatMap(([name, { value }]) =>
    typeof value === "function" && name !== "constructor" ? [name] : [],
  );
  const own = Object.entries(one).flatMap(([name, value]) =>
    typeof value === "function" ? [name] : [],
  );
  return [...methods, ...own];
}

const methods = Object.entries(OBJECTS).flatMap(([pattern, one]) =>
  methodsOf(one).map((name) => [pattern, name] as const),
);

test.each(methods)("%s.%s", (pattern, name) => {
  const call = new RegExp(`\\b(?:${pattern})\\s*\\.\\s*${name}\\s*[(<]`);
  expect(call.test(sources), `${pattern}.${name}`).toBe(true);
});

test("there are as many as are known", () => {
  expect(methods.length).toBeGreaterThanOrEqual(75);
});
