// What failed, said once more at the end of a test run: whoever reads a log from below, or has only its end, need not search.

const linesPerTestMax = 12;
const testsMax = 20;
const linesPerProgramMax = 15;
const lineCharsMax = 400;

/** Colours and cursor moves of a terminal. */
const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, "g");

const cut = (line) => (line.length > lineCharsMax ? `${line.slice(0, lineCharsMax)} ...` : line);
const isOfDependency = (line) =>
  /^\s*at (.*(node_modules|node:internal)|new Promise \(<anon)/.test(line);

function linesOf(text) {
  return text
    .replace(escapes, "")
    .split("\n")
    .filter((line) => line.trim() !== "" && !isOfDependency(line))
    .map(cut);
}

/** The failed tests of a vitest report (its JSON form): file, name, and how the message begins. */
export function failuresOfReport(report, root) {
  const failures = report.testResults.flatMap((file) => {
    const path = file.name.replace(`${root}/`, "");
    const tests = file.assertionResults.filter(({ status }) => status === "failed");
    if (tests.length === 0 && file.status === "failed") {
      return [[`${path}: failed outside of a test`, ...linesOf(file.message ?? "")]];
    }
    return tests.map((test) => [
      `${path}: ${test.fullName}`,
      ...linesOf((test.failureMessages ?? []).join("\n")),
    ]);
  });
  const shown = failures.slice(0, testsMax).flatMap(([title, ...rest]) => {
    const lines = rest.slice(0, linesPerTestMax).map((line) => `    ${line.trimEnd()}`);
    return [`  ${title}`, ...lines];
  });
  const more = failures.length - testsMax;
  return more > 0 ? [...shown, `  and ${more} more`] : shown;
}

/** What the campaigns call a failure: see their `FAULT`, `violates` and `mutant` lines. */
const saysFailure =
  /\bFAULT\b|\bFAILED\b|\bviolates\b|replay it with|never reached|not caught|survived|[1-9]\d* faults?\b|[1-9]\d* failed\b|failed=[1-9]|\berror\b/i;

/** The lines of a program's output that say what failed; when none does, its last ones. */
export function failuresOfOutput(output) {
  const lines = linesOf(output);
  const telling = lines.filter((line) => saysFailure.test(line));
  const chosen = telling.length > 0 ? telling : lines;
  return chosen.slice(-linesPerProgramMax).map((line) => `  ${line}`);
}

/** Prints them stage by stage; nothing when nothing failed. */
export function printFailures(results) {
  for (const { name, failed, failures = [] } of results) {
    if (failed === 0) continue;
    console.log(`\nfailed in ${name}:`);
    for (const line of failures) console.log(line);
  }
}
