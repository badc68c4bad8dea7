// What the shop does for an order. Everything is pretended but the courier, which is called over HTTP.

import { countExecution } from "./step-counters.ts";

export interface Order {
  readonly orderId: string;
  readonly article: string;
  readonly quantity: number;
  /** Seconds until the courier takes parcels; 1 when it is not given. */
  readonly pickupInSeconds?: number;
}

export interface Reservation {
  readonly shelf: string;
}

export interface Parcel {
  readonly parcelId: string;
}

export interface Booking {
  readonly trackingCode: string;
}

export function reserveStock(order: Order): Reservation {
  countExecution(order.orderId, "reserve-stock");
  return { shelf: `shelf-${order.article}` };
}

export function chargeCard(order: Order): { readonly paymentId: string } {
  countExecution(order.orderId, "charge-card");
  return { paymentId: `payment-${order.orderId}` };
}

export function writeInvoice(order: Order): { readonly invoiceNumber: string } {
  countExecution(order.orderId, "write-invoice");
  return { invoiceNumber: `invoice-${order.orderId}` };
}

export function packParcel(order: Order, reservation: Reservation): Parcel {
  countExecution(order.orderId, "pack-parcel");
  return { parcelId: `parcel-${order.orderId}-${reservation.shelf}` };
}

/** Throws with what the courier answered, so that the error says it wherever it is shown. */
export async function bookCourier(order: Order, parcel: Parcel): Promise<Booking> {
  countExecution(order.orderId, "book-courier");
  const response = await fetch(`${courierUrl()}/bookings`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ parcelId: parcel.parcelId }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(describeRefusal(response, text));
  return JSON.parse(text);
}

export function sendConfirmation(order: Order, booking: Booking): string {
  countExecution(order.orderId, "send-confirmation");
  return `order ${order.orderId} is on its way: ${booking.trackingCode}`;
}

function courierUrl(): string {
  const url = process.env.COURIER_URL;
  if (url === undefined) throw new Error("COURIER_URL is not set");
  return url;
}

/** Status, the tunnel's error code and the title of the page: enough to know the cause without opening a log. */
function describeRefusal(response: Response, page: string): string {
  const code = response.headers.get("Ngrok-Error-Code");
  const title = /<title>([^<]*)<\/title>/i.exec(page)?.[1]?.trim();
  const facts = [String(response.status), code].filter((fact) => fact !== null).join(" ");
  return `the courier answered ${facts}: ${title ?? page.slice(0, 200)}`;
}
