// The payment provider, which is another company's server in real life.

import { keepPaymentRequest } from "../../../shop/orders.ts";

export async function POST(request: Request): Promise<Response> {
  const { orderId, webhookUrl } = await request.json();
  keepPaymentRequest(orderId, webhookUrl);
  return Response.json({ isAsked: true });
}
