import { lookup as systemLookup } from "node:dns/promises";
import { createRequire } from "node:module";
import type { LookupFunction, Socket } from "node:net";
import type { buildConnector as OpenConnector } from "undici";
import { EGRESS_DENIED, type Egress, portOf } from "./egress.ts";

/** Undici's connector has no types under its own path; see `system-fetch.ts` for why its index is not loaded. */
const require = createRequire(import.meta.url);
const openConnector = require("undici/lib/core/connect.js") as typeof OpenConnector; // The index exports it as `buildConnector`.

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Every address of a host name. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The resolver of the system, so that its hosts file and the names of containers count. */
export const systemResolve: Resolve = (hostname) => systemLookup(hostname, { all: true });

const CONNECT_TIMEOUT_MS = 10_000;
/** More addresses of one name are not tried. */
const ADDRESSES_MAX = 16;

/** Opens the connections of one origin. */
export type Dial = (
  options: OpenConnector.Options,
  callback: OpenConnector.Callback,
) => Socket | null;

/**
 * Makes the one place where sockets of deliveries are dialled. A host name is resolved once for a connection; addresses
 * that the policy denies are dropped from the answer, and the socket gets what is left, so nothing can change between
 * the check and the dial. No proxy of the environment is asked: it would dial for us, unchecked.
 */
export function createDialer(egress: Egress, resolve: Resolve): (origin: string) => Dial {
  const resolveShared = shareAnswers(resolve);
  return (origin) => {
    const url = new URL(origin);
    const { hostname } = url;
    const port = portOf(url);
    const denialOf = (address: string): Error | null =>
      toError(hostname, egress.checkAddress(hostname, port, address));
    const connect = openConnector({
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: false,
      lookup: checkedLookup(resolveShared, denialOf),
    });
    return (options, callback) => {
      const denial = toError(hostname, egress.checkHost(hostname, port));
      if (denial !== null) {
        // Not at once: the client that asked is in the middle of its own work.
        queueMicrotask(() => callback(denial, null));
        return null;
      }
      // The name in the TLS handshake is the URL's, not that of a `Host` header. Types leave out that undici's connector
      // returns the socket that it dials with.
      const socket = connect({ ...options, servername: "" }, callback) as unknown as Socket;
      // Before undici's own listener, and for TLS before the handshake says anything.
      socket.prependOnceListener("connect", () => {
        const late = denialOf(socket.remoteAddress ?? "");
        if (late !== null) socket.destroy(late);
      });
      return socket;
    };
  };
}

function toError(hostname: string, denial: string | null): Error | null {
  if (denial === null) return null;
  return Object.assign(new Error(`${hostname} ${denial}`), { code: EGRESS_DENIED });
}

/** The `lookup` of a socket: answers with addresses that may be dialled, and with nothing else. */
function checkedLookup(
  resolve: Resolve,
  denialOf: (address: string) => Error | null,
): LookupFunction {
  return (hostname, options, callback) => {
    const answer = (addresses: readonly ResolvedAddress[]): void => {
      // Copied, so that what was checked is what is dialled.
      const found = addresses.map(({ address, family }) => ({ address, family }));
      const checked = found.filter(({ address }) => denialOf(address) === null);
      const [first] = checked;
      if (first === undefined) callback(refusal(hostname, found[0], denialOf), "");
      else if (options.all === true) callback(null, checked.slice(0, ADDRESSES_MAX));
      else callback(null, first.address, first.family);
    };
    resolve(hostname).then(answer, (error: NodeJS.ErrnoException) => callback(error, ""));
  };
}

function refusal(
  hostname: string,
  found: ResolvedAddress | undefined,
  denialOf: (address: string) => Error | null,
): Error {
  const denial = found === undefined ? null : denialOf(found.address);
  if (denial !== null) return denial;
  return Object.assign(new Error(`${hostname} has no address`), { code: "ENOTFOUND" });
}

/**
 * Connections to one name that open at the same moment share one question to the resolver: the system answers a few at a
 * time, and one origin with a slow name must not take all its places.
 */
function shareAnswers(resolve: Resolve): Resolve {
  const underWay = new Map<string, Promise<readonly ResolvedAddress[]>>();
  return (hostname) => {
    const known = underWay.get(hostname);
    if (known !== undefined) return known;
    const answer = resolve(hostname).finally(() => underWay.delete(hostname));
    underWay.set(hostname, answer);
    return answer;
  };
}
