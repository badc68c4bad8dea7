import type { ComponentProps } from "react";

const LOOKS = {
  plain: "border border-line bg-panel hover:bg-raised",
  primary: "border border-transparent bg-accent text-on-accent hover:opacity-90",
  danger: "border border-bad bg-bad-soft text-bad hover:opacity-90",
  quiet: "border border-transparent hover:bg-raised",
} as const;

type ButtonProps = ComponentProps<"button"> & {
  readonly look?: keyof typeof LOOKS;
};

export function Button({ look = "plain", className = "", type = "button", ...rest }: ButtonProps) {
  const shape =
    "inline-flex items-center justify-center gap-1.5 rounded-md px-3 py-1.5 font-medium whitespace-nowrap disabled:opacity-50";
  return <button type={type} className={`${shape} ${LOOKS[look]} ${className}`} {...rest} />;
}
