"use client";

import { useEffect, useState } from "react";
import type { OrderView } from "../shop/orders.ts";

interface Shop {
  readonly orders: readonly OrderView[];
  readonly isCarrierOnline: boolean;
}

const refreshMs = 1000;

export function OrderDesk() {
  const [shop, setShop] = useState<Shop>({ orders: [], isCarrierOnline: true });
  useEffect(() => {
    const refresh = async () => {
      const response = await fetch("/api/orders");
      if (response.ok) setShop(await response.json());
    };
    void refresh();
    const timer = setInterval(() => void refresh(), refreshMs);
    return () => clearInterval(timer);
  }, []);

  const order = () => {
    const orderId = String(Date.now() % 100_000);
    return post("/api/orders", { orderId, article: "teapot", euros: 40 });
  };
  const { orders, isCarrierOnline } = shop;
  return (
    <>
      <p>
        <button type="button" onClick={order}>
          Order a teapot
        </button>{" "}
        <button
          type="button"
          onClick={() => post(`/api/carrier/${isCarrierOnline ? "offline" : "online"}`)}
        >
          {isCarrierOnline ? "Take the carrier offline" : "Bring the carrier back"}
        </button>
      </p>
      {orders.map((view) => (
        <OrderCard key={view.orderId} view={view} />
      ))}
    </>
  );
}

function OrderCard({ view: { orderId, journal } }: { readonly view: OrderView }) {
  return (
    <section>
      <h2>Order {orderId}</h2>
      <ol>
        {journal.map((line, index) => (
          // Lines are only ever added at the end, so the place of a line names it.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <li key={index}>{line}</li>
        ))}
      </ol>
      <button type="button" onClick={() => post(`/api/orders/${orderId}/payment`)}>
        Pay
      </button>{" "}
      <button type="button" onClick={() => post("/api/returns", { orderId })}>
        Send it back
      </button>{" "}
      <button
        type="button"
        onClick={() => post(`/api/returns/${orderId}/arrival`, { isIntact: true })}
      >
        The parcel is back
      </button>
    </section>
  );
}

async function post(path: string, body: object = {}): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) alert(`${path} answered ${response.status}: ${await response.text()}`);
}
