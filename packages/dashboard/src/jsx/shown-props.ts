import { visible } from "../parts/visible.ts";

/** Attributes that people see or hear. */
const SEEN = ["title", "aria-label", "placeholder", "alt"] as const;

/** What somebody types stays as it was typed. */
const TYPED: ReadonlySet<unknown> = new Set(["textarea", "input"]);

type Props = Readonly<Record<string, unknown>>;

/**
 * The properties of an element, with every text in it shown as `visible` has it: what others have written cannot hide or turn a line
 * around, wherever a page puts it. Elements of the document alone are looked at; whatever a component is given ends in them.
 */
export function shownProps(type: unknown, props: Props): Props {
  const isComponent = typeof type !== "string" && typeof type !== "symbol";
  if (isComponent || TYPED.has(type)) return props;
  const changed: Record<string, unknown> = {};
  for (const name of SEEN) {
    const text = props[name];
    if (typeof text === "string" && visible(text) !== text) changed[name] = visible(text);
  }
  const children = shownChildren(props.children);
  if (children !== props.children) changed.children = children;
  return Object.keys(changed).length === 0 ? props : { ...props, ...changed };
}

function shownChildren(children: unknown): unknown {
  if (typeof children === "string") return visible(children);
  if (!Array.isArray(children)) return children;
  const shown = children.map(shownChildren);
  return shown.some((child, index) => child !== children[index]) ? shown : children;
}
