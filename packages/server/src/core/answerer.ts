import { HEADER, type HeaderMap } from "@reprise/protocol";

/**
 * Tunnels, platforms and proxies answer in the place of an app that they cannot reach. What they say of themselves names the
 * cause, which the status alone hides: a closed tunnel is a 404 like a wrong path.
 */

/** What ngrok's codes mean that a developer meets. */
const NGROK: Readonly<Record<string, string>> = {
  ERR_NGROK_3200: "the tunnel is offline",
  ERR_NGROK_8012: "the tunnel is up, but nothing listens behind it",
};

export interface ShownAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
}

/** Names who answered instead of the destination; null when nothing in the answer says so. */
export function nameAnswerer({ status, headers }: ShownAnswer): string | null {
  const tunnel = token(headers, "Ngrok-Error-Code");
  if (tunnel !== null) {
    const meaning = NGROK[tunnel];
    return `ngrok answered, not the app (${tunnel}${meaning === undefined ? "" : `: ${meaning}`})`;
  }
  const platform = token(headers, "X-Vercel-Error");
  if (platform !== null) return `Vercel answered, not the app (${platform})`;
  const isCloudflare = token(headers, "Server") === "cloudflare";
  if (isCloudflare && status >= 520 && status <= 530) {
    return `Cloudflare answered, not the app (${status})`;
  }
  return null;
}

/** As {@link nameAnswerer}, for endpoints of workflows: those never answer with a page. */
export function nameWorkflowAnswerer(answer: ShownAnswer): string | null {
  const named = nameAnswerer(answer);
  if (named !== null) return named;
  const isOfSdk = firstValue(answer.headers, HEADER.workflowSdkVersion) !== null;
  const isPage = /^text\/html\b/i.test(firstValue(answer.headers, "Content-Type") ?? "");
  return isPage && !isOfSdk
    ? "an HTML page answered, not a workflow endpoint: check the URL, and what stands in front of the app"
    : null;
}

/** Behind what went wrong stands who said it. */
export function withAnswerer(reason: string, answerer: string | null): string {
  return answerer === null ? reason : `${reason}; ${answerer}`;
}

/** A value of the app's answer that is a word, so that nothing else can be smuggled into a sentence of ours. */
function token(headers: HeaderMap, name: string): string | null {
  const value = firstValue(headers, name);
  return value !== null && /^[\w.-]{1,64}$/.test(value) ? value : null;
}

function firstValue(headers: HeaderMap, name: string): string | null {
  const found = Object.entries(headers).find(([one]) => one.toLowerCase() === name.toLowerCase());
  return found?.[1][0] ?? null;
}
