import { useQuery } from "@tanstack/react-query";
import { LiveProvider } from "../api/live.tsx";
import { sessionOptions } from "../api/session.ts";
import { Login } from "./login.tsx";
import { PageError } from "./page-error.tsx";
import { Shell } from "./shell.tsx";

/** Nobody sees a page before the server has said who they are. */
export function Gate() {
  const { data: session, error, isPending, refetch } = useQuery(sessionOptions);
  if (isPending) return null;
  if (error !== null) return <PageError error={error} reset={() => void refetch()} />;
  if (session === null) return <Login />;
  return (
    <LiveProvider>
      <Shell session={session} />
    </LiveProvider>
  );
}
