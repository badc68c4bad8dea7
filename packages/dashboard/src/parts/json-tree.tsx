import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { longNumberIn } from "./json.ts";
import { quotedText } from "./visible.ts";

interface JsonTreeProps {
  readonly value: unknown;
}

/** Children that are put into the document at once. */
const STEP = 100;
/** Small things near the top are open at first. */
const OPEN_DEPTH = 2;
const OPEN_CHILDREN = 40;
const TEXT_CHARS = 400;

/** A tree whose branches exist only once somebody opens them: its size does not matter. */
export function JsonTree({ value }: JsonTreeProps) {
  return (
    <div className="overflow-x-auto font-mono text-xs leading-5">
      <Node name={null} value={value} depth={0} />
    </div>
  );
}

interface NodeProps {
  readonly name: string | null;
  readonly value: unknown;
  readonly depth: number;
}

const isBranch = (value: unknown): value is object => typeof value === "object" && value !== null;

function Node({ name, value, depth }: NodeProps) {
  if (!isBranch(value)) {
    return (
      <div className="pl-4">
        <Name name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  return <Branch name={name} value={value} depth={depth} />;
}

function Branch({ name, value, depth }: NodeProps & { readonly value: object }) {
  const isList = Array.isArray(value);
  const keys = Object.keys(value);
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && keys.length <= OPEN_CHILDREN);
  const [shown, setShown] = useState(STEP);
  const [begin, end] = isList ? ["[", "]"] : ["{", "}"];
  const rest = keys.length - shown;
  return (
    <div>
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
        className="inline-flex items-center rounded text-left hover:bg-raised"
      >
        <ChevronRight size={12} aria-hidden className={`mr-1 ${isOpen ? "rotate-90" : ""}`} />
        <Name name={name} />
        <span className="text-soft">
          {isOpen ? begin : `${begin}${keys.length === 0 ? "" : "…"}${end}`}
          {!isOpen && keys.length > 0 && ` ${keys.length}`}
        </span>
      </button>
      {isOpen && (
        <>
          <div className="ml-1.5 border-l border-line pl-2">
            {keys.slice(0, shown).map((key) => (
              <Node
                key={key}
                name={key}
                // Keys of the same object.
                value={(value as Readonly<Record<string, unknown>>)[key]}
                depth={depth + 1}
              />
            ))}
            {rest > 0 && (
              <button
                type="button"
                className="ml-4 text-accent underline"
                onClick={() => setShown(shown + STEP)}
              >
                {rest} more
              </button>
            )}
          </div>
          <div className="pl-4 text-soft">{end}</div>
        </>
      )}
    </div>
  );
}

function Name({ name }: { readonly name: string | null }) {
  if (name === null) return null;
  return <span className="mr-1 text-accent">{name}:</span>;
}

/** As JSON has it, and broken where its lines end: stacks of errors are read line by line. */
const written = (text: string): string => quotedText(text).replaceAll("\\n", "\\n\n");

function Leaf({ value }: { readonly value: unknown }) {
  const [isWhole, setWhole] = useState(false);
  const long = longNumberIn(value);
  if (long !== null) return <span className="text-warn">{long}</span>;
  if (typeof value !== "string") return <span className="text-warn">{String(value)}</span>;
  const isCut = value.length > TEXT_CHARS && !isWhole;
  return (
    <span className="break-all whitespace-pre-wrap text-good">
      {written(isCut ? value.slice(0, TEXT_CHARS) : value)}
      {isCut && (
        <button type="button" className="ml-1 text-accent underline" onClick={() => setWhole(true)}>
          {value.length - TEXT_CHARS} more
        </button>
      )}
    </span>
  );
}
