import type { Session } from "@reprise/protocol";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { ApiError, ask } from "./client.ts";

/** Null when nobody is logged in. The development server logs in whoever comes from its own machine. */
async function readSession(): Promise<Session | null> {
  try {
    return await ask<Session>("/v2/session");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
  }
  try {
    return await ask<Session>("/v2/session", { method: "POST", body: {} });
  } catch (error) {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) return null;
    throw error;
  }
}

export const sessionOptions = queryOptions({
  queryKey: ["session"],
  queryFn: readSession,
  staleTime: 60_000,
  // The answer renews the cookie.
  refetchInterval: 5 * 60_000,
  retry: false,
});

export function logIn(token: string): Promise<Session> {
  return ask<Session>("/v2/session", { method: "POST", body: { token } });
}

export function logOut(): Promise<null> {
  return ask<null>("/v2/session", { method: "DELETE" });
}

/** False for a read-only token: the page then shows nothing that changes something. */
export function useMayChange(): boolean {
  const { data } = useQuery(sessionOptions);
  return data?.scope === "full";
}
