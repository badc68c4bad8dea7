// Finds what a package exports without saying what it is.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Comment, type Directive, parseSync, type Statement } from "oxc-parser";

type Node = Directive | Statement;

interface Module {
  readonly path: string;
  readonly text: string;
  readonly comments: readonly Comment[];
  readonly body: readonly Node[];
}

/** A name that a module declares. */
interface Declared {
  readonly module: Module;
  /** Where the comment has to end. */
  readonly start: number;
  readonly node: Node | null;
}

const modules = new Map<string, Module>();

function load(path: string): Module {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(path, "utf8");
  const { comments, program } = parseSync(path, text);
  const module = { path, text, comments, body: program.body };
  modules.set(path, module);
  return module;
}

/** `name of the file: name` of every export of the declaration file, and every method of its classes, without a comment of its own. */
export function undocumented(path: string): readonly string[] {
  const faults: string[] = [];
  for (const [name, declared] of exportsOf(load(path))) {
    const { module, start, node } = declared;
    if (!hasComment(module, start)) faults.push(`${module.path}: ${name}`);
    // Of overloads the first one says what they do.
    const seen = new Set<string>();
    for (const [member, memberStart] of methodsOf(node)) {
      const isNew = !seen.has(member);
      seen.add(member);
      if (isNew && !hasComment(module, memberStart)) {
        faults.push(`${module.path}: ${name}.${member}`);
      }
    }
  }
  return faults;
}

function exportsOf(module: Module): Map<string, Declared> {
  const found = new Map<string, Declared>();
  for (const node of module.body) {
    if (node.type === "ExportAllDeclaration") {
      const source = resolve(module, node.source.value);
      for (const [name, declared] of exportsOf(source)) found.set(name, declared);
    }
    if (node.type !== "ExportNamedDeclaration") continue;
    if (node.declaration !== null) {
      for (const name of namesOf(node)) found.set(name, { module, start: node.start, node });
    }
    for (const { exported, local } of node.specifiers) {
      const from = node.source === null ? module : resolve(module, node.source.value);
      const declared = find(from, nameOf(local));
      if (declared !== null) found.set(nameOf(exported), declared);
    }
  }
  return found;
}

/** The declaration of a name, in the module or where it is imported from. */
function find(module: Module, name: string): Declared | null {
  for (const node of module.body) {
    if (namesOf(node).includes(name)) return { module, start: node.start, node };
    if (node.type !== "ImportDeclaration" || !node.source.value.startsWith(".")) continue;
    for (const specifier of node.specifiers) {
      if (specifier.local.name !== name || specifier.type !== "ImportSpecifier") continue;
      return find(resolve(module, node.source.value), nameOf(specifier.imported));
    }
  }
  return exportsOf(module).get(name) ?? null;
}

function namesOf(node: Node): readonly string[] {
  const declaration = node.type === "ExportNamedDeclaration" ? node.declaration : node;
  switch (declaration?.type) {
    case "VariableDeclaration":
      return declaration.declarations.map(({ id }) => (id.type === "Identifier" ? id.name : ""));
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return declaration.id === null ? [] : [declaration.id.name];
    default:
      return [];
  }
}

function methodsOf(node: Node | null): readonly (readonly [string, number])[] {
  const declaration = node?.type === "ExportNamedDeclaration" ? node.declaration : node;
  if (declaration?.type !== "ClassDeclaration") return [];
  return declaration.body.body.flatMap((member) => {
    const isMethod =
      member.type === "MethodDefinition" || member.type === "TSAbstractMethodDefinition";
    if (!isMethod || member.kind === "constructor" || member.accessibility === "private") return [];
    return member.key.type === "Identifier" ? [[member.key.name, member.start] as const] : [];
  });
}

type Name = { readonly name: string } | { readonly value: string };

function nameOf(name: Name): string {
  return "name" in name ? name.name : name.value;
}

function hasComment({ text, comments }: Module, start: number): boolean {
  return comments.some(
    ({ type, value, end }) =>
      type === "Block" &&
      value.startsWith("*") &&
      end <= start &&
      text.slice(end, start).trim() === "",
  );
}

function resolve(module: Module, specifier: string): Module {
  const path = join(dirname(module.path), specifier.replace(/\.(?:js|ts)$/, ".d.ts"));
  if (!existsSync(path)) throw new Error(`${module.path} imports ${specifier}, which is not there`);
  return load(path);
}
