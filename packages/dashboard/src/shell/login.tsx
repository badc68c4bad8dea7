import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError } from "../api/client.ts";
import { logIn, sessionOptions } from "../api/session.ts";
import { Button } from "../parts/button.tsx";

export function Login() {
  const client = useQueryClient();
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    document.title = "Log in · Reprise";
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(null);
    try {
      client.setQueryData(sessionOptions.queryKey, await logIn(token.trim()));
    } catch (error) {
      setFault(error instanceof ApiError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-full place-items-center p-4">
      <form
        onSubmit={(event) => void submit(event)}
        className="w-full max-w-sm rounded-xl border border-line bg-panel p-6 shadow-sm"
      >
        <h1 className="text-lg font-semibold">Reprise</h1>
        <p className="mt-1 text-soft">
          Log in with a token of the server. A read-only token gives a read-only dashboard.
        </p>
        <label className="mt-5 block font-medium" htmlFor="token">
          Token
        </label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-invalid={fault !== null}
          aria-describedby={fault === null ? undefined : "fault"}
          className="mt-1 w-full rounded-md border border-line bg-ground px-3 py-2 font-mono"
        />
        {fault !== null && (
          <p id="fault" role="alert" className="mt-2 break-words text-bad">
            {fault}
          </p>
        )}
        <Button
          type="submit"
          look="primary"
          className="mt-5 w-full"
          disabled={isBusy || token.trim() === ""}
        >
          {isBusy ? "Logging in ..." : "Log in"}
        </Button>
        <p className="mt-4 text-soft">
          Make a token with <code className="font-mono">reprise tokens create</code>.
        </p>
      </form>
    </main>
  );
}
