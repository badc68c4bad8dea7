import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface FuzzCommandOptions {
  readonly requests: number;
  readonly mutations: number;
  readonly seed: number;
  readonly connections: number;
  /** Share of the requests that go one after the other, with their writes counted: one of so many. */
  readonly comparedOneOf: number;
}

export const USAGE = `usage: npm run fuzz -- [--requests N] [--mutations N] [--seed N] [--connections N]
  --requests N     structured requests, a fifth of them one after the other (default 20000)
  --mutations N    requests whose bytes are changed (default a tenth of the requests)
  --seed N         the same seed makes the same requests (default: another one each time)
  --connections N  how many at once (default 8)`;

const WHOLE_MAX = 2 ** 31;

/** Reads the command line; throws an Error that names the fault. */
export function readOptions(args: readonly string[], freshSeed: number): FuzzCommandOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: "string", default: "20000" },
      mutations: { type: "string" },
      seed: { type: "string", default: String(freshSeed) },
      connections: { type: "string", default: "8" },
    },
  });
  const requests = readWhole("requests", values.requests, [5, WHOLE_MAX]);
  const mutations = values.mutations ?? String(Math.floor(requests / 10));
  return {
    requests,
    mutations: readWhole("mutations", mutations, [0, WHOLE_MAX]),
    seed: readWhole("seed", values.seed, [0, WHOLE_MAX]),
    connections: readWhole("connections", values.connections, [1, 256]),
    comparedOneOf: 5,
  };
}

function readWhole(name: string, text: string, [min, max]: readonly [number, number]): number {
  if (/^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, got ${text}`);
}
