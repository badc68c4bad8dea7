import type { Random } from "../random.ts";

/** What a client asks for with one publish, as the client itself remembers it. */
export interface Wanted {
  /** Travels in a forwarded header, so that the destination can name what it received. */
  readonly ticket: string;
  readonly destination: Destination;
  /** Null: the server's default. */
  readonly retries: number | null;
  readonly retryDelay: RetryDelay | null;
  readonly delaySeconds: number | null;
  readonly timeoutSeconds: number | null;
  readonly queue: string | null;
  readonly flow: FlowWanted | null;
  readonly callback: CallbackWanted | null;
  readonly failureCallback: CallbackWanted | null;
  readonly dedupId: string | null;
  /** The same publish again is a duplicate. */
  readonly isDeduplicatedByContent: boolean;
  readonly label: string | null;
}

export type Destination =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "group"; readonly name: string };

export interface FlowWanted {
  readonly key: string;
  readonly parallelism: number | null;
  readonly rate: number | null;
  readonly periodSeconds: number;
}

export interface CallbackWanted {
  readonly url: string;
  /** Null: those of its source. */
  readonly retries: number | null;
  readonly flow: FlowWanted | null;
}

export const RETRY_DELAYS = ["1000", "500 * (1 + retried)", "pow(2, retried) * 1000"] as const;
export type RetryDelay = (typeof RETRY_DELAYS)[number];

/** How a destination behaves is the path of its URL. */
export const BEHAVIOURS = ["ok", "slow", "flaky", "limited", "down", "final", "hang"] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export const SINK_HOSTS = ["a.sink.test", "b.sink.test"] as const;
export const HOOK_HOST = "hooks.sink.test";
export const TICKET_HEADER = "x-ticket";
export const LABELS = ["red", "blue"] as const;
const RETRIES_DEFAULT = 3;

/** Names that messages of one world share. */
export interface Surroundings {
  readonly queues: readonly string[];
  readonly flows: readonly FlowWanted[];
  readonly groups: readonly string[];
  /** Largest delay that makes sense in the world. */
  readonly delaySecondsMax: number;
}

/** What a world's destinations are mostly like. */
const MOODS: readonly (readonly Behaviour[])[] = [
  ["ok"],
  ["ok", "ok", "slow"],
  ["flaky", "ok"],
  ["flaky", "limited", "slow", "ok"],
  ["ok", "down", "final", "hang", "flaky"],
];

export function drawMood(random: Random): readonly Behaviour[] {
  return random.pick(MOODS);
}

export function drawWanted(
  ticket: string,
  surroundings: Surroundings & {
    readonly mood: readonly Behaviour[];
    readonly hosts: readonly string[];
  },
  random: Random,
): Wanted {
  const { queues, flows, groups, delaySecondsMax, mood, hosts } = surroundings;
  const maybe = <T>(list: readonly T[], probability: number): T | null =>
    list.length > 0 && random.chance(probability) ? random.pick(list) : null;
  const group = maybe(groups, 0.3);
  const host = random.pick(hosts);
  const url = `http://${host}/${random.pick(mood)}?t=${ticket}`;
  const flow = maybe(flows, 0.6);
  return {
    ticket,
    destination: group === null ? { kind: "url", url } : { kind: "group", name: group },
    retries: random.pick([null, 0, 1, 2, 4]),
    retryDelay: maybe(RETRY_DELAYS, 0.7),
    delaySeconds: random.chance(0.2) ? random.integer(1, delaySecondsMax) : null,
    timeoutSeconds: random.chance(0.3) ? random.integer(2, 15) : null,
    queue: maybe(queues, 0.6),
    flow,
    callback: random.chance(0.3) ? drawCallback(ticket, flows, random) : null,
    failureCallback: random.chance(0.3) ? drawCallback(ticket, flows, random) : null,
    dedupId: random.chance(0.15) ? `d${random.integer(1, 2)}` : null,
    isDeduplicatedByContent: random.chance(0.1),
    label: maybe(LABELS, 0.3),
  };
}

function drawCallback(
  ticket: string,
  flows: readonly FlowWanted[],
  random: Random,
): CallbackWanted {
  const behaviour = random.pick<Behaviour>(["ok", "ok", "ok", "slow", "flaky", "down"]);
  return {
    url: `http://${HOOK_HOST}/${behaviour}?of=${ticket}`,
    retries: random.pick([null, 0, 2]),
    flow: flows.length > 0 && random.chance(0.2) ? random.pick(flows) : null,
  };
}

export function retriesOf({ retries }: Pick<Wanted, "retries">): number {
  return retries ?? RETRIES_DEFAULT;
}

export function bodyOf(wanted: Wanted): string {
  return `body of ${wanted.ticket}`;
}

/** Whether the client may ask for it twice without getting it twice. */
export function isDeduplicated({ dedupId, isDeduplicatedByContent }: Wanted): boolean {
  return dedupId !== null || isDeduplicatedByContent;
}
