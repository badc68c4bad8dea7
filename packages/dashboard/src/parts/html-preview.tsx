import { useEffect, useMemo, useRef } from "react";

/** A page that somebody else wrote, as its words and its structure. Nothing in it runs, loads, or leads anywhere. */
export function HtmlPreview({ html }: { readonly html: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const cleaned = useMemo(() => cleanPage(html), [html]);
  useEffect(() => {
    if (frame.current === null) return;
    frame.current.srcdoc = cleaned as string; // A trusted text is none for the types of the document.
  }, [cleaned]);
  return (
    <iframe
      ref={frame}
      sandbox=""
      title="Preview of the page, without scripts, styles, images and links"
      referrerPolicy="no-referrer"
      className="h-96 w-full rounded-md border border-line bg-white"
    />
  );
}

interface Policy {
  readonly createHTML: (text: string) => string;
}

interface WithTrustedTypes {
  readonly trustedTypes?: { readonly createPolicy: (name: string, rules: Policy) => Policy };
}

const RULES: Policy = { createHTML: (text) => text };

/**
 * The only policy of the page, and only this module has it: first to read a page into a document of its own, where nothing runs and
 * nothing loads, then for what is left of it after the cleaning.
 */
const { trustedTypes } = globalThis as WithTrustedTypes; // Not every browser knows them.
const policy = trustedTypes?.createPolicy("preview", RULES) ?? RULES;

/** Elements that only give a shape to words; of all others the words are kept. */
const SHAPES = new Set(
  "A ABBR ADDRESS ARTICLE ASIDE B BLOCKQUOTE BR CAPTION CODE DD DIV DL DT EM FOOTER H1 H2 H3 H4 H5 H6 HEADER HR I KBD LI MAIN OL P PRE SAMP SECTION SMALL SPAN STRONG SUB SUP TABLE TBODY TD TFOOT TH THEAD TR U UL".split(
    " ",
  ),
);

/** Elements whose words are none for people. */
const SILENT = new Set(
  "SCRIPT STYLE TEMPLATE IFRAME FRAME FRAMESET OBJECT EMBED SVG MATH NOSCRIPT XMP NOEMBED NOFRAMES PLAINTEXT TEXTAREA SELECT AUDIO VIDEO CANVAS HEAD".split(
    " ",
  ),
);

const NODES_MAX = 20_000;

/**
 * Names that could be those of handlers. A browser never runs them in a document of its own, but it tells the page's policy of each; with
 * an invisible character in front they are names of nothing.
 */
const HANDLERS = /(?<=^|[\s"'/<>=])(?=on[a-z]+[\s\0]*=)/gi;
const NOTHING_SEEN = "\u200b";
/** Styles are told of as well; under this name they are read as text, too. */
const STYLES = /(?<=<\/?)style(?=[\s/>])/gi;
/** And so are addresses of the whole page; this is a name of nothing. */
const BASES = /(?<=<\/?)base(?=[\s/>])/gi;

const quiet = (html: string): string =>
  html.replace(HANDLERS, NOTHING_SEEN).replace(STYLES, "xmp").replace(BASES, "span");

function cleanPage(html: string): unknown {
  const parsed = new DOMParser().parseFromString(policy.createHTML(quiet(html)), "text/html");
  const target = document.implementation.createHTMLDocument("");
  copyInto(target.body, parsed.body, { left: NODES_MAX }, 0);
  return policy.createHTML(new XMLSerializer().serializeToString(target.body));
}

const DEPTH_MAX = 100;

/** Builds a new page of allowed elements without any attribute, so that nothing can slip through that nobody thought of. */
function copyInto(target: Element, source: Node, budget: { left: number }, depth: number): void {
  if (depth > DEPTH_MAX) return;
  for (const child of source.childNodes) {
    budget.left -= 1;
    if (budget.left < 0) return;
    if (child.nodeType === Node.TEXT_NODE) {
      target.append(target.ownerDocument.createTextNode(child.textContent ?? ""));
    } else if (child.nodeType === Node.ELEMENT_NODE) {
      const name = child.nodeName.toUpperCase();
      if (SILENT.has(name)) continue;
      if (!SHAPES.has(name)) {
        copyInto(target, child, budget, depth + 1);
        continue;
      }
      const element = target.ownerDocument.createElement(name);
      target.append(element);
      copyInto(element, child, budget, depth + 1);
    }
  }
}
