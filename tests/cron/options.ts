import { parseArgs } from "node:util";
import { ZONES } from "./expressions.ts";

/** What the command line asks for. */
export interface CronOptions {
  readonly zoneNames: readonly string[];
  readonly firstYear: number;
  readonly years: number;
  /** Leaves out the whole years: compares around shifts and in four days of each year. */
  readonly isOnlyNearShifts: boolean;
}

export const USAGE = `usage: npm run cron -- [--zones N | --zones all | --zone NAME] [--from YEAR] [--years N] [--near-shifts]
  --zones N      compares in the first N of the chosen zones (default: all of these), or in every zone there is
  --zone NAME    compares in one zone
  --from YEAR    first year (default 2000)
  --years N      how many years (default 30)
  --near-shifts  leaves out the whole years: compares around shifts and in four days of each year`;

/** Reads the command line; throws an Error that names the fault. */
export function readOptions(args: readonly string[]): CronOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      zones: { type: "string" },
      zone: { type: "string" },
      from: { type: "string", default: "2000" },
      years: { type: "string", default: "30" },
      "near-shifts": { type: "boolean", default: false },
    },
  });
  const firstYear = readWhole("from", values.from, [1970, 2080]);
  const years = readWhole("years", values.years, [1, 50]);
  const zoneNames = chooseZones(values.zones, values.zone);
  return { zoneNames, firstYear, years, isOnlyNearShifts: values["near-shifts"] };
}

function chooseZones(zones: string | undefined, zone: string | undefined): readonly string[] {
  if (zone !== undefined) return [zone];
  if (zones === "all") return Intl.supportedValuesOf("timeZone");
  if (zones === undefined) return ZONES;
  return ZONES.slice(0, readWhole("zones", zones, [1, ZONES.length]));
}

function readWhole(name: string, text: string, [min, max]: readonly [number, number]): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, got ${text}`);
}
