import type { HeaderMap } from "@reprise/protocol";
import { Copy } from "./copy.tsx";

interface ContentProps {
  readonly title: string;
  readonly text: string | undefined;
  /** In its place when the bytes are no text. */
  readonly base64: string | undefined;
  readonly headers?: HeaderMap | undefined;
  readonly isTruncated?: boolean | undefined;
}

/** A body of a request or of an answer. */
export function Content({ title, text, base64, isTruncated }: ContentProps) {
  const shown = text ?? base64 ?? "";
  return (
    <section>
      <div className="mb-1 flex items-center justify-between gap-2">
        <h4 className="text-xs font-semibold text-soft">
          {title}
          {isTruncated === true && (
            <span className="font-normal"> (cut: the server keeps no more)</span>
          )}
        </h4>
        {shown !== "" && <Copy text={shown} label={title.toLowerCase()} />}
      </div>
      {shown === "" ? (
        <p className="text-xs text-soft">Empty.</p>
      ) : (
        <pre className="max-h-80 overflow-auto rounded-md border border-line bg-ground p-2 font-mono text-xs break-words whitespace-pre-wrap">
          {pretty(shown)}
        </pre>
      )}
    </section>
  );
}

function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
