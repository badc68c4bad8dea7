import type { ReactNode } from "react";

interface IdLinkProps {
  readonly id: string;
  readonly className?: string;
  readonly children?: ReactNode;
}

const LOOK = "font-mono text-xs text-accent hover:underline";

/** To the page of a run. */
export function RunLink({ id, className = LOOK, children = id }: IdLinkProps) {
  return (
    <a href={`#/runs/${encodeURIComponent(id)}`} className={className}>
      {children}
    </a>
  );
}

/** To the page of a message. */
export function MessageLink({ id, className = LOOK, children = id }: IdLinkProps) {
  return (
    <a href={`#/messages/${encodeURIComponent(id)}`} className={className}>
      {children}
    </a>
  );
}
