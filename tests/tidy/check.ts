// The tidy check: which rules hold for a file. Pure, so that each rule can be shown to find its violation.

import { markupRule, pageImportRule } from "./dashboard-rules.ts";
import {
  coreImportRule,
  floorRule,
  packageImportRule,
  relativeImportRule,
  sdkImportRule,
} from "./import-rules.ts";
import { coreRule, doorRule } from "./purity-rules.ts";
import { anyRule, castRule, exportRule, focusRule, reminderRule, sizeRule } from "./shape-rules.ts";
import { applyRules, parseSource, type Rule, type Violation } from "./source.ts";
import { checkName, checkPlaces } from "./text-rules.ts";

const typeScriptRules: readonly Rule[] = [
  floorRule,
  coreImportRule,
  packageImportRule,
  sdkImportRule,
  relativeImportRule,
  coreRule,
  doorRule,
  sizeRule,
  anyRule,
  castRule,
  exportRule,
  reminderRule,
  focusRule,
  pageImportRule,
  markupRule,
];

/** Finds what breaks the rules of the house in one file. */
export function checkFile(path: string, text: string): readonly Violation[] {
  const violations = [...checkName(path), ...checkPlaces(path, text)];
  if (!/\.(tsx?|mjs)$/.test(path)) return violations;
  return [...violations, ...applyRules(parseSource(path, text), typeScriptRules)];
}
