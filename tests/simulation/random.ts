/** Chance with a seed. Every concern draws from a stream of its own, so that a new fault does not reshuffle the others. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** Whole, both ends included. */
  integer(min: number, max: number): number;
  chance(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  bytes(count: number): Uint8Array;
}

export function createRandom(seed: number, stream: string): Random {
  let state = mix(seed, stream);
  // mulberry32: 32 bits of state, and good enough to pick events.
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    chance: (probability) => probability > 0 && next() < probability,
    pick: (list) => {
      const index = integer(0, list.length - 1);
      if (index >= list.length) throw new Error("nothing to pick from");
      // The index lies within the list, whatever its elements are.
      return list[index] as (typeof list)[number];
    },
    bytes: (count) => Uint8Array.from({ length: count }, () => integer(0, 255)),
  };
}

/** FNV-1a over the name, so that streams of one seed have nothing in common. */
function mix(seed: number, stream: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < stream.length; index += 1) {
    hash = Math.imul(hash ^ stream.charCodeAt(index), 0x01000193);
  }
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) | 0;
}
