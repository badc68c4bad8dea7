import { Terminal } from "lucide-react";
import { useState } from "react";
import { type CurlRequest, toCurl } from "./curl.ts";
import { writeClipboard } from "./write-clipboard.ts";

const SHOWN_MS = 1_500;

/** Copies a request as a command of a shell. */
export function CurlButton({ request }: { readonly request: CurlRequest }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await writeClipboard(toCurl(request));
    setCopied(true);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return (
    <button
      type="button"
      onClick={() => void copy()}
      className="inline-flex items-center gap-1 rounded border border-line px-2 py-0.5 text-xs hover:bg-raised"
    >
      <Terminal size={12} aria-hidden />
      {isCopied ? "Copied" : "Copy as curl"}
    </button>
  );
}
