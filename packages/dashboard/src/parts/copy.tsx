import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";
import { writeClipboard } from "./write-clipboard.ts";

const SHOWN_MS = 1_500;

/** Copies a text; says so for a moment. */
export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await writeClipboard(text);
    setCopied(true);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  const Icon = isCopied ? Check : CopyIcon;
  return (
    <button
      type="button"
      aria-label={isCopied ? "Copied" : `Copy ${label}`}
      title={`Copy ${label}`}
      onClick={(event) => {
        event.stopPropagation();
        void copy();
      }}
      className="inline-flex rounded p-1 text-soft hover:bg-raised hover:text-ink"
    >
      <Icon size={13} aria-hidden />
    </button>
  );
}
