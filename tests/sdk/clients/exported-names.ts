import { readFileSync } from "node:fs";

/** The names that a file of types or sources exports, types included. */
export function exportedNames(path: string): readonly string[] {
  const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const lists = [...text.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}/gm)].flatMap(([, list = ""]) =>
    list.split(",").map(nameOf),
  );
  const single =
    /^export\s+(?:declare\s+|async\s+|abstract\s+)*(?:const|function|class|type|interface)\s+(\w+)/gm;
  const declared = [...text.matchAll(single)].map(([, name = ""]) => name);
  return [...new Set([...lists, ...declared])].filter((name) => name !== "").toSorted();
}

/** `type A as B` is B. */
function nameOf(item: string): string {
  const words = item
    .trim()
    .replace(/^type\s+/, "")
    .split(/\s+as\s+/);
  return words.at(-1) ?? "";
}
