import { assert } from "../../core/assert.ts";

/** Makes a JSON Schema of the short text of a type. */

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Brackets, names, texts in quotes, numbers and signs. */
const TOKEN = /\s*([A-Za-z_]\w*|'[^']*'|\d+|\[\]|[{}()|:;?=<>])/y;

export function toSchema(text: string): JsonSchema {
  const parser = new Parser(text);
  return parser.takes("=") || !/^\s*\w+\??:/.test(text) ? parser.union() : parser.members(null);
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
      tokens.push(match[1] ?? "");
    }
    this.#tokens = tokens;
  }

  takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #expect(token: string): void {
    assert(this.takes(token), `${token} is missing before ${this.#tokens[this.#at]}`);
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    assert(token !== undefined, "a type ends too early");
    this.#at += 1;
    return token;
  }

  members(end: string | null): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    while (this.#at < this.#tokens.length && (end === null || !this.takes(end))) {
      const name = this.#next();
      if (!this.takes("?")) required.push(name);
      this.#expect(":");
      properties[name] = this.union();
      this.takes(";");
    }
    return { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
  }

  union(): JsonSchema {
    const types = [this.#list()];
    while (this.takes("|")) types.push(this.#list());
    const [only] = types;
    if (types.length === 1 && only !== undefined) return only;
    const values = types.flatMap((type) => ("const" in type ? [type.const] : []));
    return values.length === types.length ? { enum: values } : { anyOf: types };
  }

  #list(): JsonSchema {
    let type = this.#one();
    while (this.takes("[]")) type = { type: "array", items: type };
    return type;
  }

  #one(): JsonSchema {
    const token = this.#next();
    if (token === "(") {
      const inner = this.union();
      this.#expect(")");
      return inner;
    }
    if (token === "{") return this.members("}");
    if (token.startsWith("'")) return { const: token.slice(1, -1) };
    if (/^\d/.test(token)) return { const: Number(token) };
    if (token === "true" || token === "false") return { const: token === "true" };
    if (token === "any") return {};
    if (token === "map") {
      this.#expect("<");
      const values = this.union();
      this.#expect(">");
      return { type: "object", additionalProperties: values };
    }
    const isBasic = ["string", "number", "boolean", "null"].includes(token);
    return isBasic ? { type: token } : { $ref: `#/components/schemas/${token}` };
  }
}
