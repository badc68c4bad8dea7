import { EndedSessions } from "../engine/ended-sessions.ts";
import { TokenRing } from "../engine/token-ring.ts";
import { createApi } from "./app.ts";
import type { ApiRoom, ApiSettings, Sessions } from "./room.ts";
import { createWorld, type World } from "./test-world.suite.ts";

/** The API with tokens of its own, and a browser that keeps one cookie. */
export interface SessionClient {
  readonly world: World;
  readonly tokens: TokenRing;
  readonly room: ApiRoom;
  readonly sessions: Sessions;
  /** Another server on the same store. */
  readonly open: (more?: Partial<ApiRoom>) => Browser;
}

export interface Browser {
  cookie: string;
  readonly send: (method: string, target: string, more?: SentByPage) => Promise<PageAnswer>;
  readonly login: (token?: string) => Promise<PageAnswer>;
}

export interface SentByPage {
  /** Null leaves a header out that the page sends. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string;
  readonly address?: string;
}

export interface PageAnswer {
  readonly response: Response;
  readonly status: number;
  readonly text: string;
  /** Undefined when there is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

export const TEST_TOKENS = { full: "full-token", reader: "reader-token", sender: "sender-token" };

export async function openSessionClient(
  settings: Partial<ApiSettings> = {},
): Promise<SessionClient> {
  const world = await createWorld();
  const { store, host } = world;
  const tokens = await TokenRing.open({
    store,
    host,
    given: [
      { id: "REPRISE_TOKEN", scope: "full", text: TEST_TOKENS.full },
      { id: "REPRISE_READ_ONLY_TOKEN", scope: "read-only", text: TEST_TOKENS.reader },
      { id: "REPRISE_PUBLISH_TOKEN", scope: "publish-only", text: TEST_TOKENS.sender },
    ],
  });
  const scopeOf = (text: string) => tokens.scopeOf(text);
  const sessions: Sessions = {
    holderOf: (digest) => tokens.holderOf(digest),
    ended: await EndedSessions.open({ store, host }),
    secret: new Uint8Array(32).fill(9),
    version: "1.2.3",
  };
  const room: ApiRoom = {
    ...world.room,
    credentials: { ...world.room.credentials, scopeOf, tokens },
    settings: { ...world.room.settings, ...settings },
    sessions,
  };
  return { world, tokens, room, sessions, open: (more = {}) => openBrowser({ ...room, ...more }) };
}

export const PAGE_ORIGIN = "http://localhost:8080";

function openBrowser(room: ApiRoom): Browser {
  const api = createApi(room);
  const browser: Browser = {
    cookie: "",
    send: async (method, target, { headers = {}, body, address = "192.0.2.1" } = {}) => {
      const isSafe = method === "GET" || method === "HEAD";
      const all = {
        host: "localhost:8080",
        "sec-fetch-site": "same-origin",
        ...(isSafe ? {} : { origin: PAGE_ORIGIN, "reprise-dashboard": "1" }),
        ...(browser.cookie === "" ? {} : { cookie: browser.cookie }),
        ...headers,
      };
      const sent = Object.entries(all).flatMap(([name, value]) =>
        value === null ? [] : [[name, value] as const],
      );
      const request = new Request(PAGE_ORIGIN + target, {
        method,
        headers: Object.fromEntries(sent),
        body: body ?? null,
      });
      const peer = { address, rawTarget: target, rawHeaders: sent.flat() };
      const response = await api.fetch(request, peer);
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
      const text = isStream ? "" : await response.text();
      const json = text.startsWith("{") ? JSON.parse(text) : {};
      return { response, status: response.status, text, json };
    },
    login: async (token) => {
      const body = token === undefined ? {} : { body: JSON.stringify({ token }) };
      const answer = await browser.send("POST", "/v2/session", body);
      browser.cookie = answer.response.headers.get("set-cookie")?.split(";")[0] ?? "";
      return answer;
    },
  };
  return browser;
}
