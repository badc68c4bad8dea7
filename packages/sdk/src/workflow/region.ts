import type { Environment } from "../wire/environment.ts";

/** Apps of several regions have each variable once for each of them, such as `US_EAST_1_QSTASH_TOKEN`. */

const REGIONS: ReadonlySet<string> = new Set(["US_EAST_1", "EU_CENTRAL_1"]);

const VARIABLES = [
  "QSTASH_URL",
  "QSTASH_TOKEN",
  "QSTASH_CURRENT_SIGNING_KEY",
  "QSTASH_NEXT_SIGNING_KEY",
];

/**
 * The region whose server has sent a delivery; null for an app of one region.
 * @param header what the delivery says; a region that nobody knows is that of the environment.
 */
export function regionOf({ QSTASH_REGION }: Environment, header: string | null): string | null {
  if (!QSTASH_REGION) return null;
  const said = toRegion(header ?? "");
  return REGIONS.has(said) ? said : toRegion(QSTASH_REGION);
}

/** The variables of one region under the names that they have without regions. */
export function regionalEnvironment(env: Environment, region: string | null): Environment {
  if (region === null) return env;
  const own = VARIABLES.map((name) => [name, env[`${region}_${name}`]] as const);
  return { ...env, ...Object.fromEntries(own) };
}

function toRegion(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
