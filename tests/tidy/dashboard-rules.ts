// The dashboard: its pages stand alone, and nothing in it turns a text into markup or into code.

import { join } from "node:path/posix";
import type { Expression, Super } from "oxc-parser";
import { isRelative, visitImports } from "./import-rules.ts";
import type { Rule } from "./source.ts";

const dashboardRoot = "packages/dashboard/src/";
const pagesRoot = `${dashboardRoot}pages/`;

/** The room of a page, `pages/run`, or null for what all pages share. */
function pageOf(path: string): string | null {
  return path.startsWith(pagesRoot) ? (path.slice(pagesRoot.length).split("/")[0] ?? null) : null;
}

/** A page is loaded alone, so what two of them need stands beside the pages; only the list of routes knows them all. */
export const pageImportRule: Rule = (source, report) => {
  const isTop = !source.path.slice(dashboardRoot.length).includes("/");
  if (!source.path.startsWith(dashboardRoot) || isTop) return {};
  return visitImports((name, offset) => {
    const page = isRelative(name) ? pageOf(join(source.path, "..", name)) : null;
    if (page === null || page === pageOf(source.path)) return;
    report("page-import", offset, `${name} is of the page ${page}; move what is shared to parts/`);
  });
};

/** Whatever takes markup, whoever has it: a name is enough, because no text of a page is called like that. */
const markupNames = [
  "dangerouslySetInnerHTML",
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "setHTMLUnsafe",
  "parseHTMLUnsafe",
  "createContextualFragment",
];

/** Functions that run a text as code. */
const runners = ["eval", "Function"];

/** `document` of both `document` and `window.document`. */
function lastNameOf(node: Expression | Super): string | null {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression" || node.property.type !== "Identifier") return null;
  return node.property.name;
}

/** What a dashboard shows was written by strangers: elements are made by React, and code comes from files. */
export const markupRule: Rule = (source, report) => {
  if (!source.path.startsWith(dashboardRoot)) return {};
  const checkName = (name: unknown, offset: number): void => {
    if (typeof name !== "string" || !markupNames.includes(name)) return;
    report("markup", offset, `${name} makes markup of a text; let React make the elements`);
  };
  const checkRunner = (name: string, offset: number): void => {
    if (runners.includes(name)) report("markup", offset, `${name} runs a text as code`);
  };
  return {
    Identifier: (node) => {
      checkName(node.name, node.start);
      checkRunner(node.name, node.start);
    },
    JSXIdentifier: (node) => checkName(node.name, node.start),
    Literal: (node) => checkName(node.value, node.start),
    TemplateElement: (node) => checkName(node.value.cooked, node.start),
    MemberExpression: (node) => {
      const name = lastNameOf(node);
      if (lastNameOf(node.object) !== "document" || (name !== "write" && name !== "writeln"))
        return;
      report("markup", node.start, `document.${name} makes markup of a text`);
    },
    CallExpression: (node) => {
      const name = lastNameOf(node.callee);
      const [first] = node.arguments;
      const isText = first?.type === "TemplateLiteral" || first?.type === "Literal";
      if ((name === "setTimeout" || name === "setInterval") && isText) {
        report("markup", node.start, `${name} runs a text as code`);
      }
    },
  };
};
