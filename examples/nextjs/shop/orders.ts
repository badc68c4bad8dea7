// The orders of the shop and the carrier that takes them. A real shop has a database; this one remembers in memory.

export interface Order {
  readonly orderId: string;
  readonly article: string;
  readonly euros: number;
}

/** An order as the page shows it. A step that ran twice would show twice in the journal. */
export interface OrderView {
  readonly orderId: string;
  readonly journal: readonly string[];
}

interface Memory {
  readonly journals: Map<string, string[]>;
  /** Where the payment provider reports the payment of an order. */
  readonly payments: Map<string, string>;
  /** Which run waits for the parcel of an order to come back. */
  readonly returns: Map<string, string>;
  isCarrierOnline: boolean;
}

const key = Symbol.for("reprise.example.shop");
// Only this file uses the key.
const place = globalThis as { [key]?: Memory };
// `next dev` loads this file again whenever it was changed, and what is kept in it would be gone.
place[key] ??= {
  journals: new Map(),
  payments: new Map(),
  returns: new Map(),
  isCarrierOnline: true,
};
const memory = place[key];

export function listOrders(): readonly OrderView[] {
  return [...memory.journals].map(([orderId, journal]) => ({ orderId, journal }));
}

export function note(orderId: string, line: string): void {
  memory.journals.set(orderId, [...(memory.journals.get(orderId) ?? []), line]);
}

export function reserveStock(order: Order): { readonly shelf: string } {
  note(order.orderId, `reserved a ${order.article}`);
  return { shelf: `shelf-${order.article}` };
}

export function releaseStock(order: Order): void {
  note(order.orderId, `put the ${order.article} back`);
}

export function keepPaymentRequest(orderId: string, webhookUrl: string): void {
  memory.payments.set(orderId, webhookUrl);
  note(orderId, "asked for the payment");
}

export function webhookOf(orderId: string): string | null {
  return memory.payments.get(orderId) ?? null;
}

export function keepReturn(orderId: string, workflowRunId: string): void {
  memory.returns.set(orderId, workflowRunId);
}

export function returnOf(orderId: string): string | null {
  return memory.returns.get(orderId) ?? null;
}

export function isCarrierOnline(): boolean {
  return memory.isCarrierOnline;
}

export function setCarrierOnline(isOnline: boolean): void {
  memory.isCarrierOnline = isOnline;
}

/** Throws while the carrier is offline; the message of the error is kept with the run. */
export function bookCarrier(order: Order, shelf: string): { readonly trackingCode: string } {
  if (!memory.isCarrierOnline) {
    note(order.orderId, "tried to book the carrier in vain");
    throw new Error("the carrier answered 503: closed for maintenance");
  }
  note(order.orderId, `booked the carrier for the parcel from ${shelf}`);
  return { trackingCode: `track-${order.orderId}` };
}
