import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Files are found relative to the document, so that the page works below any path prefix of a proxy. */
export default defineConfig({
  base: "./",
  plugins: [react({ jsxImportSource: "#jsx" }), tailwindcss()],
  resolve: { conditions: ["source", "module", "browser", "development|production"] },
  build: {
    outDir: "../server/dashboard",
    emptyOutDir: true,
    // A chunk as `data:` would need a wider security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/v2": "http://127.0.0.1:8080" } },
});
