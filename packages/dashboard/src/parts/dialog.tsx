import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useLayoutEffect, useRef } from "react";

interface DialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly description?: string;
  readonly isWide?: boolean;
  /** A press beside it does not close it. */
  readonly isKept?: boolean;
  readonly children: ReactNode;
}

/** A dialog that keeps the focus, closes with Escape, and gives the focus back. */
export function Dialog(props: DialogProps) {
  const { isOpen, onClose, title, description, isWide, isKept, children } = props;
  const openerRef = useRef<Element | null>(null);
  // The parts of the dialog take the focus later.
  useLayoutEffect(() => {
    if (isOpen) openerRef.current = document.activeElement;
  }, [isOpen]);
  const width = isWide === true ? "max-w-3xl" : "max-w-lg";
  return (
    <Radix.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          onOpenAutoFocus={beginAtFirstField}
          onPointerDownOutside={(event) => isKept === true && event.preventDefault()}
          onCloseAutoFocus={(event) => {
            // Without a trigger of its own Radix leaves the focus nowhere.
            event.preventDefault();
            if (openerRef.current instanceof HTMLElement) openerRef.current.focus();
          }}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
          className={`fixed top-[8vh] left-1/2 z-50 max-h-[84vh] w-[calc(100vw-2rem)] ${width} -translate-x-1/2 overflow-y-auto rounded-xl border border-line bg-panel p-5 shadow-xl`}
        >
          <div className="flex items-start justify-between gap-4">
            <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
            <Radix.Close aria-label="Close" className="rounded p-1 hover:bg-raised">
              <X size={16} aria-hidden />
            </Radix.Close>
          </div>
          {description !== undefined && (
            <Radix.Description className="mt-1 text-soft">{description}</Radix.Description>
          )}
          <div className="mt-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** A form begins at its first field, and not at the button that closes it. */
function beginAtFirstField(event: Event): void {
  const content = event.target;
  if (!(content instanceof HTMLElement)) return;
  const field = content.querySelector<HTMLElement>("input, select, textarea");
  if (field === null) return;
  event.preventDefault();
  field.focus();
}
