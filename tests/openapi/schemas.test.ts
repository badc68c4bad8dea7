import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ProtocolTypes } from "./read-types.ts";

const place = (path: string) => fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));
const protocol = place("protocol/src");
const target = place("server/src/api/openapi/schemas.ts");
const types = new ProtocolTypes(protocol);

/** Parts of others, and what the server sends and never answers. */
const LEFT_OUT = /State$|^(?:SessionScope|ChangeTopic|FailureCause|FailureCallBody|\w+Fields)$/;
const LINE_CHARS_MAX = 100;

const names = readdirSync(protocol)
  .filter((file) => file.endsWith("resources.ts"))
  .flatMap((file) => {
    const source = readFileSync(`${protocol}/${file}`, "utf8");
    return Array.from(
      source.matchAll(/^export (?:interface|type) (\w+)/gm),
      ([, name = ""]) => name,
    );
  })
  .filter((name) => !LEFT_OUT.test(name))
  .toSorted();

function lineOf(name: string): string {
  const text = JSON.stringify(types.textOf(name));
  const line = `  ${name}: ${text},`;
  return line.length > LINE_CHARS_MAX ? `  ${name}:\n    ${text},` : line;
}

// Whoever changes a type runs `npx vitest run tests/openapi -u`.
test("the shapes of the description are those of the types", async () => {
  expect(names.length).toBeGreaterThan(50);
  const before = readFileSync(target, "utf8");
  const head = before.slice(0, before.indexOf("= {\n") + "= {\n".length);
  await expect(`${head}${names.map(lineOf).join("\n")}\n};\n`).toMatchFileSnapshot(target);
});
