import { type ReactNode, useEffect } from "react";

interface PageHeadProps {
  readonly title: string;
  readonly detail?: ReactNode;
  readonly actions?: ReactNode;
}

/** Title, what it is about, and what can be done. */
export function PageHead({ title, detail, actions }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · Reprise`;
  }, [title]);
  return (
    <header className="mb-4 flex flex-wrap items-end justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-lg font-semibold">{title}</h1>
        {detail !== undefined && <div className="mt-0.5 text-soft">{detail}</div>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children: ReactNode;
}

/** Where nothing is, the next step is. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div className="rounded-lg border border-dashed border-line bg-panel p-8 text-center">
      <p className="font-medium">{title}</p>
      <div className="mx-auto mt-1 max-w-prose text-soft">{children}</div>
    </div>
  );
}

export function Panel({
  title,
  children,
}: {
  readonly title?: string;
  readonly children: ReactNode;
}) {
  return (
    <section className="rounded-lg border border-line bg-panel p-4">
      {title !== undefined && <h2 className="mb-3 font-semibold">{title}</h2>}
      {children}
    </section>
  );
}

/** A fault inside a page: what the server said, and the way to try again. */
export function Fault({
  error,
  onRetry,
}: {
  readonly error: Error;
  readonly onRetry?: () => void;
}) {
  return (
    <div role="alert" className="rounded-lg border border-bad bg-bad-soft p-3 break-words text-bad">
      {error.message}{" "}
      {onRetry !== undefined && (
        <button type="button" className="underline" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
