import type { CallResponse, CallSettings } from "./step-types.ts";

/** Calls of services whose addresses and headers are known, each a step like `context.call`. */

export type ApiCallSettings<Body, Fields> = Omit<CallSettings, "url" | "body"> &
  Fields & {
    /** Sent as JSON. */
    readonly body: Body;
    /** Key of the service. */
    readonly token: string;
  };

export interface OpenAiFields {
  readonly operation: "chat.completions.create";
  /** Of a service with the same interface. */
  readonly baseURL?: string;
  readonly organization?: string;
}

export interface AnthropicFields {
  readonly operation: "messages.create";
}

export interface ResendFields {
  /** The body is a list of messages. */
  readonly batch?: boolean;
}

/** The part of an answer that most callers need. */
export interface ChatCompletion {
  readonly id: string;
  readonly choices: readonly {
    readonly index: number;
    readonly finish_reason: string;
    readonly message: { readonly role: string; readonly content: string | null };
  }[];
  readonly usage: unknown;
}

/** As {@link ChatCompletion}. */
export interface AnthropicMessage {
  readonly id: string;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly stop_reason: string;
  readonly usage: unknown;
}

export type ApiCall<Fields, Answer> = <Result = Answer, Body = unknown>(
  name: string,
  settings: ApiCallSettings<Body, Fields>,
) => Promise<CallResponse<Result>>;

export interface ApiCalls {
  readonly openai: { readonly call: ApiCall<OpenAiFields, ChatCompletion> };
  readonly anthropic: { readonly call: ApiCall<AnthropicFields, AnthropicMessage> };
  readonly resend: { readonly call: ApiCall<ResendFields, unknown> };
}

type Call = <Body>(name: string, settings: CallSettings) => Promise<CallResponse<Body>>;

const ANTHROPIC_VERSION = "2023-06-01";

export function apiCalls(call: Call): ApiCalls {
  return {
    openai: {
      call: (name, settings) => {
        const { token, operation: _, baseURL, organization, ...rest } = settings;
        const base = (baseURL ?? "https://api.openai.com").replace(/\/+$/, "");
        return call(name, {
          ...toCall(rest),
          url: `${base}/v1/chat/completions`,
          headers: {
            ...bearer(token),
            ...(organization === undefined ? {} : { "OpenAI-Organization": organization }),
            ...rest.headers,
          },
        });
      },
    },
    anthropic: {
      call: (name, settings) => {
        const { token, operation: _, ...rest } = settings;
        return call(name, {
          ...toCall(rest),
          url: "https://api.anthropic.com/v1/messages",
          headers: {
            "x-api-key": token,
            "anthropic-version": ANTHROPIC_VERSION,
            ...rest.headers,
          },
        });
      },
    },
    resend: {
      call: (name, settings) => {
        const { token, batch = false, ...rest } = settings;
        return call(name, {
          ...toCall(rest),
          url: `https://api.resend.com/emails${batch ? "/batch" : ""}`,
          headers: { ...bearer(token), ...rest.headers },
        });
      },
    },
  };
}

function toCall<T extends { readonly body: unknown }>(settings: T) {
  return { ...settings, method: "POST" as const, body: JSON.stringify(settings.body) };
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}
