import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { onSessionEnd } from "../api/client.ts";
import { LiveProvider } from "../api/live.tsx";
import { sessionOptions } from "../api/session.ts";
import { Login } from "./login.tsx";
import { PageError } from "./page-error.tsx";
import { Shell } from "./shell.tsx";

/** Nobody sees a page before the server has said who they are. */
export function Gate() {
  const { data: session, error, isPending, refetch } = useQuery(sessionOptions);
  useEffect(() => onSessionEnd(() => void refetch()), [refetch]);
  if (isPending) return null;
  // A session that is known stays one while the server cannot be reached: the page says so itself.
  if (session === undefined) return <PageError error={error} reset={() => void refetch()} />;
  if (session === null) return <Login />;
  return (
    <LiveProvider>
      <Shell session={session} />
    </LiveProvider>
  );
}
