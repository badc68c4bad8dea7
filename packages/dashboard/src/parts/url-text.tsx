import type { ReactNode } from "react";
import { hostOf, pathOf } from "./run-story.ts";

interface UrlProps {
  readonly url: string;
}

/** A URL as a person tells several apart: its path, then its host. The whole of it shows on hover. */
export function UrlText({ url }: UrlProps) {
  return (
    <span title={url}>
      {pathOf(url)}
      {URL.canParse(url) && <span className="ml-1.5 text-xs text-soft">{hostOf(url)}</span>}
    </span>
  );
}

interface UrlLinesProps extends UrlProps {
  /** What the first line leads to; the path alone when not given. */
  readonly children?: ReactNode;
  /** Where it happened there. */
  readonly stepName?: string | null | undefined;
}

/** The same in two lines. */
export function UrlLines({ url, children, stepName }: UrlLinesProps) {
  const host = URL.canParse(url) ? hostOf(url) : "";
  return (
    <div className="min-w-0" title={url}>
      <div className="truncate">{children ?? pathOf(url)}</div>
      <div className="truncate text-xs text-soft">
        {typeof stepName === "string" && (
          <>
            at <span className="font-mono text-ink">{stepName}</span>
            {" · "}
          </>
        )}
        {host}
      </div>
    </div>
  );
}
