/** Puts a text where it can be pasted from. Over plain HTTP browsers give a page no clipboard, but copy what is selected. */
export async function writeClipboard(text: string): Promise<void> {
  // The types of the document know secure pages alone.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard !== undefined) {
    await clipboard.writeText(text);
    return;
  }
  const copy = (event: ClipboardEvent) => {
    event.preventDefault();
    // A dialog listens as well, and would put its own selection there.
    event.stopImmediatePropagation();
    event.clipboardData?.setData("text/plain", text);
  };
  document.addEventListener("copy", copy, { capture: true, once: true });
  const isCopied = document.execCommand("copy");
  document.removeEventListener("copy", copy, { capture: true });
  if (!isCopied) throw new Error("this browser does not let the page copy");
}
