import { setNonce } from "get-nonce";

/** The nonce of the page's policy; parts that add style sheets of their own have to bring it. */
export const styleNonce = (): string =>
  document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";

/** The scroll lock of dialogs adds a style sheet, which the policy allows with the page's nonce alone. */
export function keepStyleNonce(): void {
  setNonce(styleNonce());
}
