import type { ElementType, Key } from "react";
import * as react from "react/jsx-dev-runtime";
import { shownProps } from "./shown-props.ts";

/** The same for a page that is being worked on. */

export type { JSX } from "react/jsx-dev-runtime";
export { Fragment } from "react/jsx-dev-runtime";

type Props = Readonly<Record<string, unknown>>;
type Rest = readonly [isStatic: boolean, source?: react.JSXSource, self?: unknown];

export const jsxDEV = (type: ElementType, props: Props, key: Key | undefined, ...rest: Rest) =>
  react.jsxDEV(type, shownProps(type, props), key, ...rest);
