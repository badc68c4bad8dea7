import type { HeaderMap } from "@reprise/protocol";
import { Download } from "lucide-react";
import { lazy, memo, Suspense, useMemo, useState } from "react";
import { bytesOf, formatBytes, hexLines } from "./bytes.ts";
import { Copy } from "./copy.tsx";
import { SubHeading } from "./heading.tsx";
import { readTree } from "./json.ts";
import { JsonTree } from "./json-tree.tsx";

const HtmlPreview = lazy(() =>
  import("./html-preview.tsx").then((module) => ({ default: module.HtmlPreview })),
);

export interface BodyViewProps {
  readonly title: string;
  readonly text?: string | undefined;
  /** In its place when the bytes are no text. */
  readonly base64?: string | undefined;
  readonly headers?: HeaderMap | undefined;
  readonly isTruncated?: boolean | undefined;
}

type Form = "json" | "text" | "hex" | "preview";
const NAMES: Readonly<Record<Form, string>> = {
  json: "JSON",
  text: "Text",
  hex: "Hex",
  preview: "Preview",
};
/** A tree of more than this is read when somebody asks for it. */
const EAGER_CHARS = 500_000;

/** A body of a request or of an answer: as a tree, as text, as bytes, or as a page. Its size does not matter. */
export const BodyView = memo(Body);

function Body({ title, text, base64, headers, isTruncated }: BodyViewProps) {
  const forms = formsOf(text, headers);
  const [chosen, setChosen] = useState<Form | null>(null);
  const form = chosen !== null && forms.includes(chosen) ? chosen : (forms[0] ?? "text");
  const whole = text ?? base64 ?? "";
  const size = useMemo(
    () => (text === undefined ? bytesOf(base64 ?? "").length : new Blob([text]).size),
    [text, base64],
  );
  return (
    <section className="min-w-0">
      <div className="mb-1 flex flex-wrap items-center gap-2">
        <SubHeading className="text-xs font-semibold text-soft">
          {title} <span className="font-normal tabular-nums">{formatBytes(size)}</span>
          {isTruncated === true && (
            <span className="font-normal"> (cut: the server keeps no more)</span>
          )}
        </SubHeading>
        {whole !== "" && (
          <div className="ml-auto flex items-center gap-0.5">
            {forms.map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={form === name}
                onClick={() => setChosen(name)}
                className={`rounded px-1.5 py-0.5 text-xs ${form === name ? "bg-accent-soft" : "text-soft hover:bg-raised"}`}
              >
                {NAMES[name]}
              </button>
            ))}
            <Copy text={whole} label={title.toLowerCase()} />
            <SaveButton text={text} base64={base64} title={title} />
          </div>
        )}
      </div>
      {whole === "" ? (
        <p className="text-xs text-soft">Empty.</p>
      ) : (
        <Content form={form} text={text} base64={base64} />
      )}
    </section>
  );
}

function formsOf(text: string | undefined, headers: HeaderMap = {}): readonly Form[] {
  if (text === undefined) return ["hex"];
  const type = Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === "content-type")
    .flatMap(([, values]) => values)
    .join(" ");
  const isPage = /html/i.test(type) || /^\s*<(?:!doctype|html|body|head)\b/i.test(text);
  const isTree = /^\s*[[{]/.test(text);
  const isLong = text.length > EAGER_CHARS;
  return [
    ...(isTree && !isLong ? (["json"] as const) : []),
    "text",
    ...(isTree && isLong ? (["json"] as const) : []),
    ...(isPage ? (["preview"] as const) : []),
    "hex",
  ];
}

interface ContentProps {
  readonly form: Form;
  readonly text: string | undefined;
  readonly base64: string | undefined;
}

const BOX = "max-h-96 overflow-auto rounded-md border border-line bg-ground p-2";

function Content({ form, text = "", base64 }: ContentProps) {
  if (form === "hex") return <Hex text={text} base64={base64} />;
  if (form === "text") return <PlainText text={text} />;
  if (form === "preview") {
    return (
      <Suspense fallback={<p className="text-xs text-soft">Loading ...</p>}>
        <HtmlPreview html={text} />
      </Suspense>
    );
  }
  return <Tree text={text} />;
}

function Tree({ text }: { readonly text: string }) {
  const tree = useMemo(() => readTree(text), [text]);
  if (tree === undefined) return <PlainText text={text} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls with the keys
    <div className={BOX} tabIndex={0}>
      <JsonTree value={tree} />
    </div>
  );
}

const TEXT_CHARS = 50_000;

function PlainText({ text }: { readonly text: string }) {
  const [shown, setShown] = useState(TEXT_CHARS);
  const rest = text.length - shown;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls with the keys
    <div className={BOX} tabIndex={0}>
      <pre className="font-mono text-xs break-words whitespace-pre-wrap">
        {text.slice(0, shown)}
      </pre>
      {rest > 0 && (
        <button
          type="button"
          className="text-accent underline"
          onClick={() => setShown(shown + TEXT_CHARS * 4)}
        >
          Show more ({formatBytes(rest)} left)
        </button>
      )}
    </div>
  );
}

const HEX_BYTES = 4_096;

function Hex({ text, base64 }: { readonly text: string; readonly base64: string | undefined }) {
  const [shown, setShown] = useState(HEX_BYTES);
  const bytes = useMemo(
    () => (base64 === undefined ? new TextEncoder().encode(text) : bytesOf(base64)),
    [text, base64],
  );
  const rest = bytes.length - shown;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls with the keys
    <div className={BOX} tabIndex={0}>
      <pre className="font-mono text-xs">{hexLines(bytes, 0, shown)}</pre>
      {rest > 0 && (
        <button
          type="button"
          className="text-accent underline"
          onClick={() => setShown(shown + HEX_BYTES * 4)}
        >
          Show more ({formatBytes(rest)} left)
        </button>
      )}
    </div>
  );
}

interface SaveButtonProps {
  readonly text: string | undefined;
  readonly base64: string | undefined;
  readonly title: string;
}

function SaveButton({ text, base64, title }: SaveButtonProps) {
  const save = () => {
    // A type that no browser shows as a page.
    const blob = new Blob([text ?? bytesOf(base64 ?? "")], { type: "application/octet-stream" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.bin`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <button
      type="button"
      aria-label={`Save ${title.toLowerCase()}`}
      title="Save"
      onClick={save}
      className="inline-flex rounded p-1 text-soft hover:bg-raised hover:text-ink"
    >
      <Download size={13} aria-hidden />
    </button>
  );
}
