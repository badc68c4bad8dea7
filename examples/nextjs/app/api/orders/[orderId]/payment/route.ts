// The customer pays, and the payment provider reports it: anybody who has the URL of a webhook can call it.

import { webhookOf } from "../../../../../shop/orders.ts";

interface Place {
  readonly params: Promise<{ readonly orderId: string }>;
}

export async function POST(_request: Request, { params }: Place): Promise<Response> {
  const { orderId } = await params;
  const webhookUrl = webhookOf(orderId);
  if (webhookUrl === null) {
    return Response.json({ error: `no payment is expected for order ${orderId}` }, { status: 409 });
  }
  const answer = await fetch(webhookUrl, { method: "POST", body: JSON.stringify({ orderId }) });
  return Response.json({ isReported: answer.ok }, { status: answer.ok ? 200 : 502 });
}
