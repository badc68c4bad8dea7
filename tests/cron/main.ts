// `npm run cron`: compares the schedules of the server, in many zones and years, with a walk through every minute and
// with a second implementation.

import { compareZone } from "./comparison.ts";
import { DENSE_EXPRESSIONS, SPARSE_EXPRESSIONS } from "./expressions.ts";
import { type CronOptions, readOptions, USAGE } from "./options.ts";

function compareZones(options: CronOptions): number {
  const { zoneNames, firstYear, years, isOnlyNearShifts } = options;
  const startedAt = performance.now();
  const expressions = [...DENSE_EXPRESSIONS, ...SPARSE_EXPRESSIONS];
  const wholeExpressions = new Set(isOnlyNearShifts ? [] : SPARSE_EXPRESSIONS);
  const from = Date.UTC(firstYear, 0);
  const to = Date.UTC(firstYear + years, 0);
  const total = { shifts: 0, walkChecks: 0, secondChecks: 0, failed: 0 };
  console.log(
    `cron: ${zoneNames.length} zones, ${years} years from ${firstYear}, ${expressions.length} expressions; zone data ${process.versions.tz}`,
  );
  for (const [index, zoneName] of zoneNames.entries()) {
    const result = compareZone({ zoneName, expressions, wholeExpressions, from, to });
    total.shifts += result.shifts;
    total.walkChecks += result.walkChecks;
    total.secondChecks += result.secondChecks;
    total.failed += result.failed;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(
      `${index + 1}/${zoneNames.length} ${zoneName}: ${result.shifts} shifts, ${result.walkChecks} ticks as walked, ${result.secondChecks} as croner, ${result.failed} failed (${seconds} s)`,
    );
    for (const failure of result.failures) console.error(`  ${failure}`);
  }
  const { shifts, walkChecks, secondChecks, failed } = total;
  console.log(
    `cron: ${shifts} shifts of clocks, ${walkChecks} questions against the walk, ${secondChecks} against croner`,
  );
  console.log(`RESULT passed=${walkChecks + secondChecks - failed} failed=${failed}`);
  return failed === 0 ? 0 : 1;
}

let options: CronOptions | null = null;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  // A fault of the command line is one sentence; any other ends the program with its stack.
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
}
process.exitCode = options === null ? 1 : compareZones(options);
