import { Receiver, signingKeysOf } from "../messages/receiver.ts";
import { Http } from "../wire/http.ts";
import { printing, Watchers } from "./middleware.ts";
import { regionalEnvironment } from "./region.ts";
import type { Mode, RequestReceiver, ServeOptions } from "./workflow.ts";

/** What options and environment say together. */
export interface Settings {
  readonly env: Environment;
  /** Null for an app of one region. */
  readonly region: string | null;
  readonly http: Http;
  readonly receiver: RequestReceiver | undefined;
  readonly url: string | undefined;
  readonly baseUrl: string | undefined;
  readonly watchers: Watchers;
  readonly mode: Exclude<Mode, "auto">;
  readonly isWarm: boolean;
  readonly continueMs: number;
  readonly parallel: "fanout" | "invocation";
}

export type Environment = Readonly<Record<string, string | undefined>>;

interface ProcessLike {
  readonly process?: { readonly env?: Environment };
}

/** The environment of the process; empty where there is none. */
export function processEnvironment(): Environment {
  // A global of Node and its likes, which the Web's types do not know.
  return (globalThis as ProcessLike).process?.env ?? {};
}

export function toSettings(
  options: ServeOptions<never, never>,
  env: Environment,
  region: string | null,
): Settings {
  const platform = platformOf(env);
  const regional = regionalEnvironment(env, region);
  const { mode = "auto", warm, maxDuration, verbose, middlewares = [] } = options;
  return {
    env,
    region,
    http: toHttp(options.qstashClient, regional),
    receiver: "receiver" in options ? options.receiver : receiverOf(regional),
    url: options.url,
    baseUrl: options.baseUrl ?? env.UPSTASH_WORKFLOW_URL,
    // Watchers do not care what the payload of their run is.
    watchers: new Watchers([...middlewares, ...(verbose === true ? [printing] : [])] as never),
    mode: mode === "auto" ? (platform === "worker" ? "continued" : "answered") : mode,
    isWarm: warm ?? platform !== "worker",
    continueMs: 1_000 * (maxDuration ?? (platform === "process" ? 50 : 8)),
    parallel: options.parallel ?? "fanout",
  };
}

function toHttp(client: ServeOptions["qstashClient"], env: Environment): Http {
  if (client === undefined || !("http" in client)) {
    return new Http(client, env);
  }
  if (client.http instanceof Http) return client.http;
  // A client of another package, or of another copy of this one.
  const { baseUrl, token, authorization = "" } = client.http;
  return new Http({ baseUrl, token: token ?? authorization.replace(/^Bearer /, "") });
}

function receiverOf(env: Environment): Receiver | undefined {
  return signingKeysOf({}, env).length === 0 ? undefined : new Receiver({}, env);
}

interface NavigatorLike {
  readonly navigator?: { readonly userAgent?: string };
}

/**
 * `worker`: requests share no promises; `serverless`: a process that may be frozen behind each request; `process`: one that lives.
 */
function platformOf(env: Environment): "worker" | "serverless" | "process" {
  // Workers of Cloudflare name themselves so.
  const agent = (globalThis as NavigatorLike).navigator?.userAgent;
  if (agent === "Cloudflare-Workers") return "worker";
  const isServerless = env.VERCEL ?? env.AWS_LAMBDA_FUNCTION_NAME ?? env.NETLIFY ?? env.K_SERVICE;
  return isServerless === undefined ? "process" : "serverless";
}
