import type { ElementType, Key } from "react";
import * as react from "react/jsx-runtime";
import { shownProps } from "./shown-props.ts";

/** What JSX of this package becomes: elements of React whose texts hide nothing. */

export type { JSX } from "react/jsx-runtime";
export { Fragment } from "react/jsx-runtime";

type Props = Readonly<Record<string, unknown>>;

export const jsx = (type: ElementType, props: Props, key?: Key) =>
  react.jsx(type, shownProps(type, props), key);

export const jsxs = (type: ElementType, props: Props, key?: Key) =>
  react.jsxs(type, shownProps(type, props), key);
