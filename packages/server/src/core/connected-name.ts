/**
 * Apps that have opened a connection are reached over it, under names of their own. Names under `.alt` are never looked up in DNS
 * (RFC 9476), so none of them can belong to anybody else. See docs/connected-apps.md.
 */

/** The name of an app: what stands before `.connected.alt`. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const ORIGIN = /^http:\/\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.connected\.alt$/;

export const APP_NAME_RULE = "1 to 63 of a-z, 0-9 and -, with a letter or a digit at either end";

export function isAppName(name: string): boolean {
  return NAME.test(name);
}

/** The app whose connections take what is delivered to this origin; null for origins that are dialled. */
export function connectedApp(origin: string): string | null {
  // Looked at for every attempt: most origins are told apart by their last letters.
  if (!origin.endsWith(".connected.alt")) return null;
  return ORIGIN.exec(origin)?.[1] ?? null;
}

export function connectedOrigin(app: string): string {
  return `http://${app}.connected.alt`;
}

/** Whether a host name, as `URL` gives it, is one of those that nobody may dial. */
export function isConnectedHost(hostname: string): boolean {
  const name = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  return name === "connected.alt" || name.endsWith(".connected.alt");
}
