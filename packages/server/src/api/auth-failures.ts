import { RepriseError } from "@reprise/protocol";

const WINDOW_MS = 1_000;

/** Addresses that are remembered; whoever has more at hand is not stopped by counting them. */
const ADDRESSES_MAX = 10_000;

/**
 * Counts requests with a wrong token, or none, by address and second. It makes guessing dear and refusing cheap; it locks
 * nobody out: requests with a good token are never counted nor refused, since many callers share the address of a proxy.
 */
export class AuthFailures {
  readonly #now: () => number;
  readonly #max: number;
  #windowEndsAt = 0;
  readonly #counts = new Map<string, number>();

  constructor(now: () => number, max: number) {
    this.#now = now;
    this.#max = max;
  }

  /** @throws RepriseError `rate_limited` when the address had its share of this second. */
  add(address: string): void {
    const now = this.#now();
    const isClockSetBack = this.#windowEndsAt - now > WINDOW_MS;
    if (now >= this.#windowEndsAt || isClockSetBack) {
      this.#counts.clear();
      this.#windowEndsAt = now + WINDOW_MS;
    }
    const group = addressGroup(address);
    const count = (this.#counts.get(group) ?? 0) + 1;
    if (count > 1 || this.#counts.size < ADDRESSES_MAX) this.#counts.set(group, count);
    if (count <= this.#max) return;
    throw new RepriseError("rate_limited", {
      message: `more than ${this.#max} requests without a valid token within a second; try again later`,
      details: { limit: this.#max, remaining: 0, resetAt: this.#windowEndsAt },
    });
  }
}

/** One caller has a whole /64 of IPv6, so its first four groups are the address. */
function addressGroup(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  if (!address.includes("::")) return groups.slice(0, 4).join(":");
  const tailCount = tail.split(":").filter((group) => group !== "").length;
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - tailCount) }, () => "0");
  return [...groups, ...zeros, ...tail.split(":")].slice(0, 4).join(":");
}
