import { isIP, isIPv4, isIPv6 } from "node:net";
import { type Network, networkOf, parseAddress, parseNetwork } from "./address.ts";

/** Where deliveries may go. In every mode the entries of `allow` are allowed as well. */
export interface EgressPolicy {
  readonly mode: EgressMode;
  readonly allow: readonly AllowEntry[];
}

/**
 * - `public-only`: public addresses.
 * - `allow-list`: nothing but the entries.
 * - `allow-private`: every address but those of links and of metadata services.
 */
export type EgressMode = "public-only" | "allow-list" | "allow-private";

export const EGRESS_MODES = ["public-only", "allow-list", "allow-private"] as const;

/** One destination or several; `port` null means every port. */
export type AllowEntry =
  | { readonly type: "host"; readonly name: string; readonly port: number | null }
  /** Starts with a dot; the names below it. */
  | { readonly type: "suffix"; readonly suffix: string; readonly port: number | null }
  | { readonly type: "network"; readonly network: Network; readonly port: number | null };

/** Reads `10.0.0.0/8`, `192.0.2.7:8080`, `[fd00::7]:8080`, `app.internal:3000` or `.svc.local`; a text says what is wrong. */
export function parseAllowEntry(text: string): AllowEntry | string {
  if (text.includes("/")) {
    const network = parseNetwork(text);
    return typeof network === "string" ? network : { type: "network", network, port: null };
  }
  // Without brackets the last group of such an address and a port look the same: it has no port.
  if (isIPv6(text)) return toAddressEntry(text, null);
  const [, bracketed, bare, portText] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(.*))?$/.exec(text) ?? [];
  const port = portText === undefined ? null : toPort(portText);
  if (port === undefined) return `the port of ${text} must be 1 to 65535`;
  if (bracketed !== undefined) {
    return isIPv6(bracketed)
      ? toAddressEntry(bracketed, port)
      : `${bracketed} is not an IPv6 address`;
  }
  if (bare === undefined) return `${text} is not a host name, an address or a network`;
  return isIPv4(bare) ? toAddressEntry(bare, port) : toNameEntry(bare, port);
}

function toPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function toAddressEntry(text: string, port: number | null): AllowEntry | string {
  const address = parseAddress(text);
  if (address === null || text.includes("%")) return `${text} must have no zone`;
  return { type: "network", network: networkOf(address), port };
}

const NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

function toNameEntry(text: string, port: number | null): AllowEntry | string {
  const isSuffix = text.startsWith(".");
  const host = URL.parse(`http://${isSuffix ? text.slice(1) : text}/`)?.hostname ?? "";
  if (isIP(host) !== 0) return `${text} must be written as ${host}`;
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  if (text.startsWith("*.")) return `${text} must be written as ${text.slice(1)}`;
  // The URL parser takes some of these out, and others end the host.
  if (/[@?#%\\\s]/.test(text) || !NAME.test(name))
    return `${text} is not a host name, an address or a network`;
  return isSuffix ? { type: "suffix", suffix: `.${name}`, port } : { type: "host", name, port };
}
