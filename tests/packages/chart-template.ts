/**
 * The part of Helm's template language that the chart uses, and nothing more: what is not known here is a fault, not text. It stands in for
 * Helm, which is not on every machine, and finds templates that do not close, names that do not exist, and output that is no YAML.
 */

import { stringify } from "yaml";

/** A value of the chart. The functions check what they get. */
export type Value = unknown;

export type Scope = { readonly dot: Value; readonly variables: ReadonlyMap<string, Value> };

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "output"; readonly words: readonly Word[] }
  | ({ readonly type: "branch"; readonly verb: Verb; readonly words: readonly Word[] } & Bodies)
  | { readonly type: "define"; readonly name: string; readonly body: readonly Block[] };

type Verb = "if" | "with" | "range";
interface Bodies {
  readonly body: readonly Block[];
  readonly other: readonly Block[];
}

type Word = string | readonly Word[];

const ACTION = /\{\{(-?)\s*([\s\S]*?)\s*(-?)\}\}/g;

type Token = { readonly text: string } | { readonly action: string };

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let isTrimmed = false;
  const addText = (text: string, trimsEnd: boolean): void => {
    const begun = isTrimmed ? text.trimStart() : text;
    tokens.push({ text: trimsEnd ? begun.trimEnd() : begun });
  };
  for (const match of source.matchAll(ACTION)) {
    const [whole, left, action = "", right] = match;
    addText(source.slice(at, match.index), left === "-");
    if (!action.startsWith("/*")) tokens.push({ action });
    at = match.index + whole.length;
    isTrimmed = right === "-";
  }
  addText(source.slice(at), false);
  return tokens;
}

/** Words of an action; those in parentheses are a word of their own. */
function wordsOf(action: string): readonly Word[] {
  const stack: Word[][] = [[]];
  const pattern = /"(?:[^"\\]|\\.)*"|[()|]|:=|,|[^\s()|,]+/g;
  for (const [word] of action.matchAll(pattern)) {
    if (word === "(") stack.push([]);
    else if (word === ")") {
      const inner = stack.pop() ?? [];
      stack.at(-1)?.push(inner);
    } else stack.at(-1)?.push(word);
  }
  const [words] = stack;
  if (stack.length !== 1 || words === undefined) throw new Error(`unbalanced: ${action}`);
  return words;
}

interface Parsed {
  readonly blocks: readonly Block[];
  readonly end: string | null;
}

function parse(tokens: readonly Token[], cursor: { at: number }): Parsed {
  const blocks: Block[] = [];
  for (;;) {
    const token = tokens[cursor.at++];
    if (token === undefined) return { blocks, end: null };
    if ("text" in token) {
      blocks.push({ type: "text", text: token.text });
      continue;
    }
    const [verb = "", ...rest] = token.action.split(/\s+/);
    const words = () => wordsOf(rest.join(" "));
    if (verb === "end" || verb === "else") return { blocks, end: token.action };
    if (verb === "define") {
      const body = parse(tokens, cursor);
      if (body.end !== "end") throw new Error(`${token.action} does not end`);
      blocks.push({ type: "define", name: JSON.parse(rest.join(" ")), body: body.blocks });
    } else if (verb === "if" || verb === "with" || verb === "range") {
      const body = parse(tokens, cursor);
      const other = body.end === "else" ? parse(tokens, cursor) : { blocks: [], end: body.end };
      if (other.end !== "end") throw new Error(`${token.action} does not end`);
      blocks.push({ type: "branch", verb, words: words(), body: body.blocks, other: other.blocks });
    } else blocks.push({ type: "output", words: wordsOf(token.action) });
  }
}

const isEmpty = (value: Value): boolean =>
  value === null ||
  value === undefined ||
  value === false ||
  value === 0 ||
  value === "" ||
  (typeof value === "object" && Object.keys(value).length === 0);

function pad(width: Value, text: Value): string {
  return String(text)
    .split("\n")
    .map((line) => " ".repeat(Number(width)) + line)
    .join("\n");
}

export class ChartTemplates {
  readonly #named = new Map<string, readonly Block[]>();
  readonly #files = new Map<string, readonly Block[]>();

  constructor(files: ReadonlyMap<string, string>) {
    for (const [name, source] of files) {
      const { blocks, end } = parse(tokensOf(source), { at: 0 });
      if (end !== null) throw new Error(`${name}: ${end} without a beginning`);
      this.#files.set(name, blocks);
      for (const block of blocks) {
        if (block.type === "define") this.#named.set(block.name, block.body);
      }
    }
  }

  render(file: string, root: Value): string {
    const blocks = this.#files.get(file);
    if (blocks === undefined) throw new Error(`there is no template ${file}`);
    return this.#write(blocks, { dot: root, variables: new Map() });
  }

  #write(blocks: readonly Block[], scope: Scope): string {
    return blocks.map((block) => this.#writeOne(block, scope)).join("");
  }

  #writeOne(block: Block, scope: Scope): string {
    switch (block.type) {
      case "text":
        return block.text;
      case "define":
        return "";
      case "output": {
        const value = this.#pipe(block.words, scope);
        if (value === undefined) throw new Error(`no value: ${JSON.stringify(block.words)}`);
        return String(value);
      }
      case "branch":
        return block.verb === "range" ? this.#repeat(block, scope) : this.#choose(block, scope);
    }
  }

  #choose(block: Bodies & { verb: Verb; words: readonly Word[] }, scope: Scope): string {
    const value = this.#pipe(block.words, scope);
    if (isEmpty(value)) return this.#write(block.other, scope);
    return this.#write(block.body, block.verb === "with" ? { ...scope, dot: value } : scope);
  }

  /** `range $name, $value := <pipeline>`, the one form that the chart has; names come in order. */
  #repeat(block: Bodies & { words: readonly Word[] }, scope: Scope): string {
    const [name, comma, item, assign, ...words] = block.words;
    if (comma !== "," || assign !== ":=") throw new Error("range needs two names");
    const all = Object.entries(this.#pipe(words, scope) ?? {}).toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    );
    return all
      .map(([key, value]) => {
        const variables = new Map([...scope.variables, [String(name), key], [String(item), value]]);
        return this.#write(block.body, { dot: value, variables });
      })
      .join("");
  }

  #pipe(words: readonly Word[], scope: Scope): Value {
    const parts: Word[][] = [[]];
    for (const word of words) {
      if (word === "|") parts.push([]);
      else parts.at(-1)?.push(word);
    }
    const [first = [], ...rest] = parts;
    const begin = this.#call(first, [], scope);
    return rest.reduce((value, part) => this.#call(part, [value], scope), begin);
  }

  #call([head, ...words]: readonly Word[], last: readonly Value[], scope: Scope): Value {
    if (head === undefined) throw new Error("an action without words");
    const isFunction = typeof head === "string" && /^[a-zA-Z]+$/.test(head);
    if (!isFunction) {
      if (words.length + last.length > 0) throw new Error(`${String(head)} is no function`);
      return this.#valueOf(head, scope);
    }
    const given = [...words.map((word) => this.#valueOf(word, scope)), ...last];
    if (head === "include") {
      const [name, dot] = given;
      const body = this.#named.get(String(name));
      if (body === undefined) throw new Error(`there is no template named ${String(name)}`);
      return this.#write(body, { dot, variables: new Map() });
    }
    return applyFunction(head, given);
  }

  #valueOf(word: Word, scope: Scope): Value {
    if (typeof word !== "string") return this.#pipe(word, scope);
    if (/^["\d]/.test(word)) return JSON.parse(word);
    if (word.startsWith("$")) {
      if (!scope.variables.has(word)) throw new Error(`${word} is not set`);
      return scope.variables.get(word);
    }
    if (!/^\.[\w.]*$/.test(word)) throw new Error(`what is ${word}?`);
    return word
      .split(".")
      .filter((name) => name !== "")
      .reduce<Value>((value, name) => {
        if (typeof value !== "object" || value === null) throw new Error(`${word} has no ${name}`);
        return new Map<string, Value>(Object.entries(value)).get(name);
      }, scope.dot);
  }
}

function applyFunction(name: string, given: readonly Value[]): Value {
  const [first, second] = given;
  switch (name) {
    case "quote":
      return JSON.stringify(String(first));
    case "default":
      return isEmpty(second) ? first : second;
    case "eq":
      return first === second;
    case "add":
      return given.reduce<number>((sum, value) => sum + Number(value), 0);
    case "int":
      return Math.trunc(Number(first));
    case "trunc":
      return String(second).slice(0, Number(first));
    case "trimSuffix":
      return String(second).replace(new RegExp(`${String(first)}$`), "");
    case "toYaml":
      return stringify(first, { lineWidth: 0 }).trimEnd();
    case "indent":
      return pad(first, second);
    case "nindent":
      return `\n${pad(first, second)}`;
    case "printf":
      return given
        .slice(1)
        .reduce<string>((text, value) => text.replace(/%[sd]/, String(value)), String(first));
    case "required":
      if (isEmpty(second)) throw new Error(String(first));
      return second;
  }
  throw new Error(`${name} is no function that is known here`);
}
