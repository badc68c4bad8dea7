// A switch to try what happens when the carrier cannot be reached.

import { setCarrierOnline } from "../../../../shop/orders.ts";

interface Place {
  readonly params: Promise<{ readonly state: string }>;
}

export async function POST(_request: Request, { params }: Place): Promise<Response> {
  const isOnline = (await params).state === "online";
  setCarrierOnline(isOnline);
  return Response.json({ isOnline });
}
