import { type ElementType, createElement as make, type ReactNode } from "react";
import { shownProps } from "./shown-props.ts";

type Props = Readonly<Record<string, unknown>>;

/** What JSX becomes where a key stands behind properties that are spread. */
export const createElement = (
  type: ElementType,
  props: Props | null,
  ...children: readonly ReactNode[]
) => {
  const shown = shownProps(type, { children });
  // As many of the same kind.
  return make(type, shownProps(type, props ?? {}), ...(shown.children as readonly ReactNode[]));
};
