// What the shop does. A real one has a database, a payment provider and a carrier; this one remembers in memory.

export interface Order {
  readonly orderId: string;
  readonly article: string;
  readonly euros: number;
}

export interface Refund {
  readonly orderId: string;
  readonly reason: string;
}

/** What a person says about a refund. */
export interface Decision {
  readonly isApproved: boolean;
  readonly by: string;
}

export interface Receipt {
  readonly receiptId: string;
}

const cardEurosMax = 1000;

const journals = new Map<string, string[]>();
const receipts = new Map<string, Receipt>();
const refundRuns = new Map<string, string>();
let isCarrierOnline = true;

/** What happened to an order, oldest first. A step that ran twice would show twice. */
export function journalOf(orderId: string): readonly string[] {
  return journals.get(orderId) ?? [];
}

export function note(orderId: string, line: string): void {
  journals.set(orderId, [...journalOf(orderId), line]);
}

export function reserveStock(order: Order): { readonly shelf: string } {
  note(order.orderId, `reserved a ${order.article}`);
  return { shelf: `shelf-${order.article}` };
}

export function releaseStock(order: Order): void {
  note(order.orderId, `put the ${order.article} back`);
}

/** The payment provider; null when it declines. It charges an order once, however often it is asked. */
export function charge(order: Order): Receipt | null {
  const known = receipts.get(order.orderId);
  if (known !== undefined) return known;
  if (order.euros > cardEurosMax) return null;
  const receipt = { receiptId: `receipt-${order.orderId}` };
  receipts.set(order.orderId, receipt);
  note(order.orderId, `charged ${order.euros} euros`);
  return receipt;
}

export function setCarrierOnline(isOnline: boolean): void {
  isCarrierOnline = isOnline;
}

/** Throws while the carrier is offline; the message of the error is kept with the run. */
export function bookCarrier(order: Order, shelf: string): { readonly trackingCode: string } {
  if (!isCarrierOnline) {
    note(order.orderId, "tried to book the carrier in vain");
    throw new Error("the carrier answered 503: closed for maintenance");
  }
  note(order.orderId, `booked the carrier for the parcel from ${shelf}`);
  return { trackingCode: `track-${order.orderId}` };
}

/** Which run waits for the decision about a refund. */
export function keepRefundRun(orderId: string, workflowRunId: string): void {
  refundRuns.set(orderId, workflowRunId);
}

export function refundRunOf(orderId: string): string | null {
  return refundRuns.get(orderId) ?? null;
}
