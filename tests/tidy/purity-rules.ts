// Where time, chance and the network may be touched: nowhere in the core, and in the server only at its door.

import type { Expression } from "oxc-parser";
import type { Rule } from "./source.ts";

const serverRoot = "packages/server/src/";
/** The real host and the parts it is made of. */
const doorStart = `${serverRoot}host/system-`;

/** Functions of the global scope that reach the outside world. */
const outsideFunctions = ["setTimeout", "setInterval", "setImmediate", "fetch"];

/** Members of global objects that reach the outside world. */
const outsideMembers = [
  "Date.now",
  "Math.random",
  "performance.now",
  "process.hrtime",
  "crypto.randomUUID",
  "crypto.randomBytes",
  "crypto.randomInt",
  "crypto.getRandomValues",
  "AbortSignal.timeout",
  ...outsideFunctions.map((name) => `globalThis.${name}`),
];

/** Modules that reach the outside world as a whole. */
const outsideModules = ["undici", "node:timers", "node:timers/promises"];

/** Functions of `node:crypto` that draw random bytes; its other functions are pure. */
const randomFunctions = [
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
  "getRandomValues",
  "webcrypto",
];

const nameOf = (node: Expression): string | null => (node.type === "Identifier" ? node.name : null);

/** Time, chance and network of the server are behind the host, so that the simulation can replace them. */
export const doorRule: Rule = (source, report) => {
  const isInside = source.path.startsWith(serverRoot) && !source.path.startsWith(doorStart);
  if (!isInside || source.isTest) return {};
  const refuse = (what: string, offset: number): void =>
    report("door", offset, `${what} belongs into host/system-*.ts; ask the host`);
  return {
    CallExpression: (node) => {
      const name = nameOf(node.callee);
      if (name === "Date" || (name !== null && outsideFunctions.includes(name))) {
        refuse(`${name}()`, node.start);
      }
    },
    NewExpression: (node) => {
      if (nameOf(node.callee) === "Date" && node.arguments.length === 0) {
        refuse("new Date()", node.start);
      }
    },
    MemberExpression: (node) => {
      if (node.computed || node.property.type !== "Identifier") return;
      const path = `${nameOf(node.object)}.${node.property.name}`;
      if (outsideMembers.includes(path)) refuse(path, node.start);
    },
    ImportDeclaration: (node) => {
      const module = node.source.value;
      if (node.importKind !== "type" && outsideModules.includes(module)) refuse(module, node.start);
      if (module !== "node:crypto") return;
      for (const specifier of node.specifiers) {
        const imported = specifier.type === "ImportSpecifier" ? specifier.imported : null;
        const name = imported?.type === "Identifier" ? imported.name : null;
        if (name !== null && randomFunctions.includes(name)) refuse(name, specifier.start);
      }
    },
  };
};

const coreGlobals = [
  "Date",
  "Promise",
  "process",
  "crypto",
  "performance",
  "console",
  "globalThis",
];

/** The core is synchronous and deterministic: the same arguments always give the same answer. */
export const coreRule: Rule = (source, report) => {
  if (!source.path.startsWith(`${serverRoot}core/`) || source.isTest) return {};
  const refuse = (what: string, offset: number): void =>
    report("core", offset, `the core uses ${what}; it is synchronous and has no clock`);
  const checkFunction = (node: { readonly async: boolean; readonly start: number }): void => {
    if (node.async) refuse("async", node.start);
  };
  return {
    FunctionDeclaration: checkFunction,
    FunctionExpression: checkFunction,
    ArrowFunctionExpression: checkFunction,
    AwaitExpression: (node) => refuse("await", node.start),
    ForOfStatement: (node) => {
      if (node.await) refuse("await", node.start);
    },
    CallExpression: (node) => {
      const name = nameOf(node.callee);
      if (name === null) return;
      if (["Date", "queueMicrotask", ...outsideFunctions].includes(name)) refuse(name, node.start);
    },
    NewExpression: (node) => {
      const name = nameOf(node.callee);
      if (name !== null && coreGlobals.includes(name)) refuse(name, node.start);
    },
    MemberExpression: (node) => {
      const name = nameOf(node.object);
      if (name !== null && coreGlobals.includes(name)) refuse(name, node.start);
      const isRandom = node.property.type === "Identifier" && node.property.name === "random";
      if (name === "Math" && isRandom) refuse("Math.random", node.start);
    },
    TSTypeReference: (node) => {
      const name = node.typeName.type === "Identifier" ? node.typeName.name : null;
      if (name === "Promise" || name === "PromiseLike" || name === "Date") refuse(name, node.start);
    },
  };
};
