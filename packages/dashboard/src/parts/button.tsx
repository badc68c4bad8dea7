import type { ComponentProps } from "react";

const LOOKS = {
  plain: "border border-line bg-panel hover:bg-raised",
  primary: "border border-transparent bg-accent text-on-accent hover:opacity-90",
  danger: "border border-bad bg-bad-soft text-bad hover:opacity-90",
  quiet: "border border-transparent hover:bg-raised",
} as const;

type ButtonProps = ComponentProps<"button"> & {
  readonly look?: keyof typeof LOOKS;
  /** For rows of tables. */
  readonly isSmall?: boolean;
  /** Holds an icon and perhaps a word that narrow screens leave out. */
  readonly isIcon?: boolean;
};

export function Button(props: ButtonProps) {
  const {
    look = "plain",
    isSmall = false,
    isIcon = false,
    className = "",
    type = "button",
    ...rest
  } = props;
  const size = isIcon ? "p-2" : isSmall ? "px-2 py-0.5" : "px-3 py-1.5";
  const shape =
    "inline-flex items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap disabled:opacity-50";
  return (
    <button type={type} className={`${shape} ${size} ${LOOKS[look]} ${className}`} {...rest} />
  );
}
