// How a module is written: sizes, types that say something, exports, and what must not be left behind.

import type { Comment, Expression, Statement } from "oxc-parser";
import type { Rule, Source } from "./source.ts";

const fileLinesMax = 400;
const functionLinesMax = 70;
const parametersMax = 4;

export const sizeRule: Rule = (source, report) => {
  if (!source.isTest && source.lineCount > fileLinesMax) {
    report("file-size", 0, `has ${source.lineCount} lines; at most ${fileLinesMax} are allowed`);
  }
  const checkFunction = (node: {
    readonly start: number;
    readonly end: number;
    readonly params: readonly unknown[];
  }): void => {
    const lines = source.lineAt(node.end - 1) - source.lineAt(node.start) + 1;
    if (!source.isTest && lines > functionLinesMax) {
      const message = `the function has ${lines} lines; at most ${functionLinesMax} are allowed`;
      report("function-size", node.start, message);
    }
    if (node.params.length > parametersMax) {
      const message = `the function has ${node.params.length} parameters; take one options object`;
      report("parameters", node.start, message);
    }
  };
  return {
    FunctionDeclaration: checkFunction,
    FunctionExpression: checkFunction,
    ArrowFunctionExpression: checkFunction,
    TSFunctionType: checkFunction,
    TSMethodSignature: checkFunction,
    TSDeclareFunction: checkFunction,
  };
};

export const anyRule: Rule = (_source, report) => ({
  TSAnyKeyword: (node) => report("any", node.start, "`any` is banned; parse an `unknown` once"),
});

function hasCommentNear(source: Source, start: number, end: number): boolean {
  const first = source.lineAt(start) - 1;
  const last = source.lineAt(end - 1);
  const isNear = (comment: Comment): boolean =>
    source.lineAt(comment.end - 1) >= first && source.lineAt(comment.start) <= last;
  return source.comments.some(isNear);
}

/** A cast claims what the compiler cannot see, so a comment on its line or the line before proves it. */
export const castRule: Rule = (source, report) => {
  const check = (start: number, end: number): void => {
    if (hasCommentNear(source, start, end)) return;
    report("cast", start, "a cast needs a comment that proves it, on its line or the line before");
  };
  return {
    TSAsExpression: (node) => {
      const type = node.typeAnnotation;
      const name = type.type === "TSTypeReference" ? type.typeName : null;
      if (name?.type !== "Identifier" || name.name !== "const") check(node.start, node.end);
    },
    TSTypeAssertion: (node) => check(node.start, node.end),
  };
};

export const exportRule: Rule = (source, report) => {
  // The SDK has several entries, as it stands in for several packages.
  const isPackageIndex =
    /^packages\/(?:[^/]+\/src|sdk\/src\/(?:messages|connect|testing))\/index\.ts$/.test(
      source.path,
    );
  // Tools look for a default export in their configuration, Next.js in its pages.
  const isFound = /\.config\.ts$|^examples\/nextjs\/app\/.*\b(?:layout|page)\.tsx$/.test(
    source.path,
  );
  const reportDefault = (offset: number): void => {
    if (!isFound) report("default-export", offset, "exports by name only");
  };
  const isReexport = (statement: Statement): boolean =>
    statement.type === "ExportAllDeclaration" ||
    (statement.type === "ExportNamedDeclaration" && statement.source !== null);
  const { body } = source.program;
  if (!isPackageIndex && body.length > 0 && body.every(isReexport)) {
    report("barrel", 0, "only re-exports; import from the files themselves");
  }
  return {
    ExportDefaultDeclaration: (node) => reportDefault(node.start),
    ExportSpecifier: (node) => {
      if (node.exported.type === "Identifier" && node.exported.name === "default") {
        reportDefault(node.start);
      }
    },
    ExportAllDeclaration: (node) => {
      if (!isPackageIndex) report("barrel", node.start, "`export *` hides where a name comes from");
    },
  };
};

/** Work that is left for later has an issue, or it is forgotten. */
export const reminderRule: Rule = (source, report) => {
  for (const comment of source.comments) {
    for (const match of comment.value.matchAll(/\b(?:TODO|FIXME|XXX|HACK)\b.*/g)) {
      if (/#\d+/.test(match[0])) continue;
      report("reminder", comment.start, `"${match[0].trim()}" needs the number of an issue (#123)`);
    }
  }
  return {};
};

function rootNameOf(node: Expression): string | null {
  if (node.type === "Identifier") return node.name;
  if (node.type === "MemberExpression") return rootNameOf(node.object);
  return null;
}

/** A test that does not run, or that keeps others from running, proves nothing. */
export const focusRule: Rule = (source, report) => ({
  MemberExpression: (node) => {
    if (!source.isTest || node.property.type !== "Identifier") return;
    const root = rootNameOf(node.object);
    if (root === null || !["test", "it", "describe", "suite"].includes(root)) return;
    const { name } = node.property;
    if (name === "only" || name === "skip" || name === "todo") {
      report("focus", node.start, `${root}.${name} must not stay`);
    }
  },
});
