// A source file as the rules see it: its text, its syntax tree and its comments, with lines instead of offsets.

import { type Comment, type Program, parseSync, Visitor, type VisitorObject } from "oxc-parser";

export interface Violation {
  readonly rule: string;
  readonly path: string;
  /** First line of the place, counted from 1. */
  readonly line: number;
  readonly message: string;
}

export interface Source {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly comments: readonly Comment[];
  readonly lineCount: number;
  /** Test files may be longer than other code and may use the clock and chance. */
  readonly isTest: boolean;
  lineAt(offset: number): number;
}

/** Notes a violation at an offset of the source. */
export type Report = (rule: string, offset: number, message: string) => void;

/** Looks for one kind of violation while the tree is visited. */
export type Rule = (source: Source, report: Report) => VisitorObject;

export function isTestPath(path: string): boolean {
  return /\.(test|suite)\.tsx?$/.test(path);
}

/** Parses a source file; throws when it does not parse, because no rule could then be trusted. */
export function parseSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text, { sourceType: "module" });
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`);
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) {
    lineStarts.push(at + 1);
  }
  return {
    path,
    text,
    program,
    comments,
    lineCount: text.trimEnd().split("\n").length,
    isTest: isTestPath(path),
    lineAt: (offset) => lineStarts.findLastIndex((start) => start <= offset) + 1,
  };
}

/** Applies the rules to a source, in order. */
export function applyRules(source: Source, rules: readonly Rule[]): readonly Violation[] {
  const violations: Violation[] = [];
  const report: Report = (rule, offset, message) => {
    violations.push({ rule, path: source.path, line: source.lineAt(offset), message });
  };
  for (const rule of rules) new Visitor(rule(source, report)).visit(source.program);
  return violations;
}
