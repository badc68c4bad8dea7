import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** Reads the types of `packages/protocol` as the short texts of `api/openapi/schemas.ts`: `name?: type; other: type`. */

/** A node of the syntax tree; its fields are read where its type says that they are there. */
type Node = Readonly<Record<string, unknown>> & { readonly type: string };

export class ProtocolTypes {
  readonly #declarations = new Map<string, Node>();
  readonly #constants = new Map<string, Node>();

  constructor(directory: string) {
    for (const file of readdirSync(directory)) {
      if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
      const { program } = parseSync(file, readFileSync(join(directory, file), "utf8"));
      // The tree of a program that compiles.
      for (const statement of program.body as unknown as readonly Node[]) this.#declare(statement);
    }
  }

  #declare(statement: Node): void {
    const declaration = node(statement.declaration) ?? statement;
    if (declaration.type === "VariableDeclaration") {
      for (const one of nodes(declaration.declarations)) {
        const value = node(one.init);
        if (value !== null) this.#constants.set(nameOf(one.id), withoutCast(value));
      }
    } else if (/^TS(?:Interface|TypeAlias)Declaration$/.test(declaration.type)) {
      this.#declarations.set(nameOf(declaration.id), declaration);
    }
  }

  /** Of an interface, its own members and those that it extends; of another type, what it is, behind `=`. */
  textOf(name: string): string {
    const declaration = this.#declarations.get(name);
    if (declaration === undefined) throw new Error(`there is no type ${name}`);
    if (declaration.type === "TSTypeAliasDeclaration") {
      return `= ${this.#text(node(declaration.typeAnnotation))}`;
    }
    return toText(this.#membersOf(name));
  }

  #membersOf(name: string): Map<string, string> {
    const declaration = this.#declarations.get(name);
    if (declaration === undefined) return new Map();
    const members = new Map<string, string>();
    for (const heritage of nodes(declaration.extends)) {
      for (const [key, text] of this.#heritage(heritage)) members.set(key, text);
    }
    for (const [key, text] of this.#literal(nodes(node(declaration.body)?.body))) {
      members.delete(key.endsWith("?") ? key.slice(0, -1) : `${key}?`);
      members.set(key, text);
    }
    return members;
  }

  #heritage(heritage: Node): Map<string, string> {
    const name = nameOf(heritage.expression ?? heritage.typeName);
    const given = nodes((node(heritage.typeArguments) ?? node(heritage.typeParameters))?.params);
    const [first, second] = given;
    if (first === undefined) return this.#membersOf(name);
    const inner =
      first.type === "TSTypeReference" ? this.#heritage(first) : new Map<string, string>();
    const keys = second === undefined ? [] : this.#text(second).split("|").map(unquote);
    const isKept = (key: string) => keys.includes(key.replace("?", ""));
    const entries = [...inner];
    if (name === "Pick") return new Map(entries.filter(([key]) => isKept(key)));
    if (name === "Omit") return new Map(entries.filter(([key]) => !isKept(key)));
    if (name === "Partial") {
      return new Map(entries.map(([key, text]) => [`${key.replace("?", "")}?`, text]));
    }
    throw new Error(`${name} is not known here`);
  }

  #literal(members: readonly Node[]): Map<string, string> {
    return new Map(
      members.map((member) => {
        const key = `${nameOf(member.key)}${member.optional === true ? "?" : ""}`;
        return [key, this.#text(node(node(member.typeAnnotation)?.typeAnnotation))];
      }),
    );
  }

  #text(type: Node | null): string {
    if (type === null) return "any";
    const keyword = /^TS(String|Number|Boolean|Null|Unknown)Keyword$/.exec(type.type)?.[1];
    if (keyword !== undefined) return keyword === "Unknown" ? "any" : keyword.toLowerCase();
    switch (type.type) {
      case "TSLiteralType":
        return quote(node(type.literal)?.value);
      case "TSUnionType":
        return nodes(type.types)
          .map((one) => this.#text(one))
          .join("|");
      case "TSArrayType":
        return listOf(this.#text(node(type.elementType)));
      case "TSTupleType":
        return listOf(this.#text(nodes(type.elementTypes)[0] ?? null));
      case "TSTypeOperator":
      case "TSParenthesizedType":
        return this.#text(node(type.typeAnnotation));
      case "TSTypeLiteral":
        return `{ ${toText(this.#literal(nodes(type.members)))} }`;
      case "TSIndexedAccessType":
        return this.#indexed(type);
      case "TSTypeReference":
        return this.#reference(type);
      default:
        throw new Error(`types of the kind ${type.type} are not known here`);
    }
  }

  /** `(typeof NAMES)[number]` is one of the names. */
  #indexed(type: Node): string {
    let object = node(type.objectType);
    while (object?.type === "TSParenthesizedType") object = node(object.typeAnnotation);
    if (object?.type !== "TSTypeQuery") {
      const key = unquote(this.#text(node(type.indexType)));
      return this.#membersOf(nameOf(object?.typeName)).get(key) ?? "any";
    }
    const values = nodes(this.#constants.get(nameOf(object.exprName))?.elements);
    return values.map(({ value }) => quote(value)).join("|");
  }

  #reference(type: Node): string {
    const name = nameOf(type.typeName);
    const [first, second] = nodes(
      (node(type.typeArguments) ?? node(type.typeParameters))?.params,
    ).map((one) => this.#text(one));
    if (name === "Readonly") return first ?? "any";
    if (name === "Record") return `map<${second}>`;
    if (name === "Exclude") {
      const left = this.#alternatives(first ?? "");
      const gone = new Set(this.#alternatives(second ?? ""));
      return left.filter((one) => !gone.has(one)).join("|");
    }
    const alias = this.#declarations.get(name);
    // Unions and maps have no name of their own in the description, lists of members have.
    if (alias?.type === "TSTypeAliasDeclaration" && !name.endsWith("Resource")) {
      return this.#text(node(alias.typeAnnotation));
    }
    return name;
  }

  #alternatives(text: string): readonly string[] {
    return text.split("|");
  }
}

function toText(members: ReadonlyMap<string, string>): string {
  return Array.from(members, ([key, text]) => `${key}: ${text}`).join("; ");
}

function listOf(text: string): string {
  return text.includes("|") && !text.startsWith("{") ? `(${text})[]` : `${text}[]`;
}

function quote(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : String(value);
}

function unquote(text: string): string {
  return text.replace(/^'|'$/g, "");
}

function withoutCast(value: Node): Node {
  const inner = node(value.expression);
  return /^TS(?:As|Satisfies)Expression$/.test(value.type) && inner !== null
    ? withoutCast(inner)
    : value;
}

function nameOf(value: unknown): string {
  return String(node(value)?.name ?? node(value)?.value ?? "");
}

function node(value: unknown): Node | null {
  // Every object of the tree has a type.
  return typeof value === "object" && value !== null ? (value as Node) : null;
}

function nodes(value: unknown): readonly Node[] {
  // As above, for lists.
  return Array.isArray(value) ? (value as readonly Node[]) : [];
}
