import type { SigningKeysResource, TokenResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { ApiError, ask } from "../../api/client.ts";
import { useMayChange } from "../../api/session.ts";
import { useAction } from "../../api/use-action.ts";
import { Badge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Empty, Fault, PageHead, Panel } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Instant, When } from "../../parts/when.tsx";
import { NewToken } from "./new-token.tsx";

export function Page() {
  const mayChange = useMayChange();
  return (
    <>
      <PageHead
        title="Keys and tokens"
        detail="Apps check deliveries with the signing keys; callers of this server bring a token."
      />
      {mayChange ? (
        <div className="grid gap-6">
          <SigningKeys />
          <Tokens />
        </div>
      ) : (
        <Empty title="A read-only token cannot see these">
          Whoever has a signing key can forge deliveries. Log in with a token of the scope full.
        </Empty>
      )}
    </>
  );
}

function SigningKeys() {
  const action = useAction();
  const [isAsking, setAsking] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["keys"],
    queryFn: ({ signal }) => ask<SigningKeysResource>("/v2/keys", { signal }),
  });
  // The server wants to hear twice that the last rotation was not long ago.
  const isTooSoon =
    action.error instanceof ApiError && action.error.code === "key_rotation_too_soon";
  const rotate = async () => {
    const query = isTooSoon ? { force: true } : {};
    await ask("/v2/keys/rotate", { method: "POST", query });
    await refetch();
  };
  return (
    <Panel title="Signing keys">
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <Facts
          facts={[
            ["Current", <Secret key="current" text={data.current} name="the current key" />],
            ["Next", <Secret key="next" text={data.next} name="the next key" />],
            [
              "Rotated",
              data.rotatedAt === undefined ? "never" : <When key="rotated" at={data.rotatedAt} />,
            ],
          ]}
        />
      )}
      <Button className="mt-4" onClick={() => setAsking(true)}>
        <RefreshCw size={14} aria-hidden /> Rotate
      </Button>
      <Confirm
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        title="Rotate the signing keys?"
        verb={isTooSoon ? "Rotate all the same" : "Rotate"}
        action={action}
        work={rotate}
      >
        The next key takes the place of the current one, and a new next key is made. Apps that know
        only the current key refuse deliveries from then on: see that each has
        QSTASH_NEXT_SIGNING_KEY first.
      </Confirm>
    </Panel>
  );
}

/** Covered until somebody wants to see it. */
function Secret({ text, name }: { readonly text: string; readonly name: string }) {
  const [isShown, setShown] = useState(false);
  return (
    <span className="flex items-center gap-2">
      <code className="font-mono text-xs break-all">
        {isShown ? text : `${text.slice(0, 4)}${"•".repeat(16)}`}
      </code>
      <Button
        look="quiet"
        isSmall
        className="px-2 py-0.5"
        aria-label={`${isShown ? "Hide" : "Show"} ${name}`}
        onClick={() => setShown(!isShown)}
      >
        {isShown ? "Hide" : "Show"}
      </Button>
      <Copy text={text} label={name} />
    </span>
  );
}

function Tokens() {
  const action = useAction();
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<TokenResource | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => ask<readonly TokenResource[]>("/v2/tokens", { signal }),
  });
  const revoke = async () => {
    await ask(`/v2/tokens/${encodeURIComponent(revoked?.id ?? "")}`, { method: "DELETE" });
    await refetch();
  };
  return (
    <Panel title="Tokens">
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <PlainTable
          label="Tokens"
          rows={data}
          keyOf={({ id }) => id}
          columns={tokenColumns(setRevoked)}
        />
      )}
      <Button className="mt-4" onClick={() => setMaking(true)}>
        <Plus size={14} aria-hidden /> New token
      </Button>
      {isMaking && <NewToken onMade={() => void refetch()} onClose={() => setMaking(false)} />}
      <Confirm
        isOpen={revoked !== null}
        onClose={() => setRevoked(null)}
        title={`Revoke the token ${revoked?.name ?? ""}?`}
        verb="Revoke"
        action={action}
        work={revoke}
      >
        Whoever uses it is refused from the next request on, and so are the sessions that it has
        opened.
      </Confirm>
    </Panel>
  );
}

const SCOPE_TONES = { full: "warn", "read-only": "calm", "publish-only": "dull" } as const;

function tokenColumns(revoke: (token: TokenResource) => void): readonly Column<TokenResource>[] {
  return [
    { title: "Name", cell: ({ name }) => <span className="font-medium">{name}</span> },
    { title: "Scope", cell: ({ scope }) => <Badge tone={SCOPE_TONES[scope]}>{scope}</Badge> },
    {
      title: "Made",
      cell: ({ createdAt, source }) =>
        createdAt === undefined ? (
          `by the ${source === "settings" ? "settings" : "first start"}`
        ) : (
          <Instant at={createdAt} />
        ),
    },
    {
      title: "Actions",
      isNumber: true,
      cell: (token) =>
        token.source === "api" && (
          <Button
            look="quiet"
            isSmall
            aria-label={`Revoke ${token.name}`}
            onClick={() => revoke(token)}
          >
            <Trash2 size={14} aria-hidden />
          </Button>
        ),
    },
  ];
}
