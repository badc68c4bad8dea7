import type { Metadata } from "next";
import type { ReactNode } from "react";

export const metadata: Metadata = { title: "A shop with durable workflows" };

export default function Layout({ children }: { readonly children: ReactNode }) {
  return (
    <html lang="en">
      <body style={{ fontFamily: "sans-serif", maxWidth: "46rem", margin: "2rem auto" }}>
        {children}
      </body>
    </html>
  );
}
