import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { Button } from "../parts/button.tsx";

interface Failed {
  readonly error: unknown;
  readonly reset?: () => void;
}

/** What is shown when a page cannot be shown. */
export function PageError({ error, reset }: Failed) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="mx-auto mt-24 max-w-lg rounded-lg border border-line bg-panel p-6">
      <h1 className="text-base font-semibold">This page cannot be shown</h1>
      <p className="mt-2 break-words text-soft">{message}</p>
      {reset !== undefined && (
        <Button className="mt-4" onClick={reset}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function NotFound() {
  useEffect(() => {
    document.title = "No such page · Reprise";
  }, []);
  return (
    <div className="mx-auto mt-24 max-w-lg rounded-lg border border-line bg-panel p-6">
      <h1 className="text-base font-semibold">There is no such page</h1>
      <p className="mt-2 text-soft">
        The address may be mistyped.{" "}
        <Link to="/" className="text-accent underline">
          Go to the overview
        </Link>
      </p>
    </div>
  );
}
