import { isIP } from "node:net";
import { RepriseError } from "@reprise/protocol";
import { APP_NAME_RULE, connectedApp, isConnectedHost } from "../core/connected-name.ts";
import { originOf } from "../core/gates.ts";
import {
  type Address,
  type AddressKind,
  FORBIDDEN_NETWORKS,
  holdsAddress,
  holdsNetwork,
  isForbidden,
  kindOf,
  type Network,
  parseAddress,
} from "./address.ts";
import type { AllowEntry, EgressPolicy } from "./egress-policy.ts";

/** Why a destination is denied: the end of a sentence that starts with the destination. */
export type Denial = string;

/** The code of the error with which a denied dial ends; it tells a denial from trouble with the network. */
export const EGRESS_DENIED = "EGRESS_DENIED";

/** Decides where deliveries may go. Pure: the policy never changes while it lives. */
export interface Egress {
  /**
   * Judges what a URL says without asking anybody: an address, or a name that is denied whatever it leads to.
   * @param hostname as `URL` gives it.
   * @returns null when it may be dialled, for a name still subject to `checkAddress`.
   */
  checkHost(hostname: string, port: number): Denial | null;
  /** Judges an address that `hostname` leads to, or is. */
  checkAddress(hostname: string, port: number, address: string): Denial | null;
}

/** Names under which clouds publish their metadata services. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
  "instance-data",
  "instance-data.ec2.internal",
]);

export function createEgress({ mode, allow }: EgressPolicy): Egress {
  const isListed = (name: string, port: number) => allow.some((entry) => covers(entry, name, port));
  const isAllowed = (name: string, port: number, address: Address, kind: AddressKind): boolean => {
    if (isForbidden(kind)) return allow.some((entry) => namesForbidden(entry, address, port));
    if (isListed(name, port) || allow.some((entry) => holds(entry, address, port))) return true;
    return mode === "allow-private" || (mode === "public-only" && kind === "public");
  };
  const checkAddress: Egress["checkAddress"] = (hostname, port, text) => {
    const address = parseAddress(text);
    if (address === null) return `resolves to something that is no address: ${text}`;
    const kind = kindOf(address);
    if (isAllowed(toName(hostname), port, address, kind)) return null;
    if (isForbidden(kind)) {
      return `resolves to a ${kind} address: ${text} (denied unless REPRISE_EGRESS_ALLOW names this address itself)`;
    }
    const fact =
      kind === "public" ? "an address outside the allow list" : `${article(kind)} address`;
    return `resolves to ${fact}: ${text} (denied by REPRISE_EGRESS=${mode}; REPRISE_EGRESS_ALLOW can name it)`;
  };
  const checkHost: Egress["checkHost"] = (hostname, port) => {
    const literal = toLiteral(hostname);
    if (literal !== null) return checkAddress(hostname, port, literal);
    const name = toName(hostname);
    if (isConnectedHost(name)) {
      return `names no app that could connect: the URL must start with http://<app>.connected.alt, where <app> is ${APP_NAME_RULE}, in lower case and without a port`;
    }
    if (METADATA_NAMES.has(name)) {
      const isNamed = allow.some((entry) => entry.type === "host" && covers(entry, name, port));
      return isNamed
        ? null
        : `names a metadata service: ${name} (denied unless REPRISE_EGRESS_ALLOW names it and its address)`;
    }
    if (name !== "localhost" && !name.endsWith(".localhost")) return null;
    const denials = ["127.0.0.1", "::1"].map((address) => checkAddress(hostname, port, address));
    return denials.includes(null) ? null : (denials[0] ?? null);
  };
  return { checkHost, checkAddress };
}

function article(kind: AddressKind): string {
  return kind === "unspecified" ? `an ${kind}` : `a ${kind}`;
}

/** The address that a host name of a URL is, or null for a name. */
function toLiteral(hostname: string): string | null {
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? null : bare;
}

function toName(hostname: string): string {
  const name = hostname.toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function isPortOf(entry: AllowEntry, port: number): boolean {
  return entry.port === null || entry.port === port;
}

function covers(entry: AllowEntry, name: string, port: number): boolean {
  if (!isPortOf(entry, port)) return false;
  if (entry.type === "host") return name === entry.name;
  return entry.type === "suffix" && name.endsWith(entry.suffix) && name !== entry.suffix;
}

function holds(entry: AllowEntry, address: Address, port: number): boolean {
  return entry.type === "network" && isPortOf(entry, port) && holdsAddress(entry.network, address);
}

/** Only who writes such an address down means it: `0.0.0.0/0` does not allow a metadata service. */
function namesForbidden(entry: AllowEntry, address: Address, port: number): boolean {
  return holds(entry, address, port) && entry.type === "network" && isMeant(entry.network);
}

function isMeant(network: Network): boolean {
  return FORBIDDEN_NETWORKS.some(([forbidden]) => holdsNetwork(forbidden, network));
}

const VERDICTS_MAX = 1_000;
const VERDICT_CHARS_MAX = 512;

/**
 * Makes the check of a destination at its acceptance: an early answer for addresses and denied names. What other names
 * lead to is judged when they are dialled, because it can change.
 * @returns throws RepriseError `invalid_destination`; `field` names the text in the message.
 */
export function destinationCheck(egress: Egress): (url: string, field?: string) => void {
  // A workflow is named again with every step, and neither its URL nor the policy changes.
  const allowed = new Set<string>();
  return (url, field = "destination") => {
    if (allowed.has(url)) return;
    const denial = checkLiteral(url, egress);
    if (denial !== null) {
      throw new RepriseError("invalid_destination", {
        message: `invalid ${field} url: endpoint ${denial}`,
        details: { field },
      });
    }
    if (url.length > VERDICT_CHARS_MAX) return;
    if (allowed.size >= VERDICTS_MAX) allowed.clear();
    allowed.add(url);
  };
}

/** Judges a URL that was checked before; what does not parse is not judged here. */
export function checkLiteral(url: string, egress: Egress): Denial | null {
  // Is never dialled.
  if (connectedApp(originOf(url)) !== null) return null;
  const parsed = URL.parse(url);
  return parsed === null ? null : egress.checkHost(parsed.hostname, portOf(parsed));
}

/** The port that a URL leads to. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}
