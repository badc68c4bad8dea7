import type { SettingResource, SettingsAnswer } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../../api/client.ts";
import { Badge } from "../../parts/badge.tsx";
import { Field } from "../../parts/field.tsx";
import { Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";

const COLUMNS: readonly Column<SettingResource>[] = [
  { title: "Setting", cell: ({ name }) => <code className="font-mono text-xs">{name}</code> },
  {
    title: "Value",
    cell: ({ value }) => <span className="font-mono text-xs break-all">{value}</span>,
  },
  {
    title: "From",
    cell: ({ source }) => <Badge tone={source === "default" ? "dull" : "calm"}>{source}</Badge>,
  },
];

/** What the server was started with. Settings change with its next start alone. */
export function Page() {
  const [text, setText] = useState("");
  const { data, error, refetch } = useQuery({
    queryKey: ["settings"],
    queryFn: ({ signal }) => ask<SettingsAnswer>("/v2/settings", { signal }),
  });
  const wanted = text.trim().toLowerCase();
  const isWanted = ({ name, value }: SettingResource) =>
    `${name} ${value}`.toLowerCase().includes(wanted);
  const isRetention = ({ name }: SettingResource) => /RETENTION|SIZE_MAX/.test(name);
  const found = data?.settings.filter(isWanted) ?? [];
  const kept = found.filter(isRetention);
  const rest = found.filter((setting) => !isRetention(setting));
  return (
    <>
      <PageHead
        title="Settings"
        detail="Set by environment variables when the server starts; secrets are covered. docs/configuration.md says what each does."
      />
      <Field
        label="Search"
        data-search
        className="mb-4 max-w-sm"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {kept.length > 0 && (
        <section className="mb-6">
          <h2 className="mb-2 font-semibold">Retention</h2>
          <PlainTable label="Retention" rows={kept} keyOf={({ name }) => name} columns={COLUMNS} />
        </section>
      )}
      {rest.length > 0 && (
        <section>
          <h2 className="mb-2 font-semibold">Everything else</h2>
          <PlainTable label="Settings" rows={rest} keyOf={({ name }) => name} columns={COLUMNS} />
        </section>
      )}
      {data !== undefined && found.length === 0 && (
        <p className="text-soft">No setting has this in its name or value.</p>
      )}
    </>
  );
}
