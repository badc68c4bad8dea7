import { RepriseError, URL_GROUP_ENDPOINTS_MAX } from "@reprise/protocol";
import { type Endpoint, urlGroupNotFound } from "./publish.ts";
import type { UrlGroupRow } from "./rows.ts";
import { type Context, insert, remove, type Transition, unchanged, update } from "./transition.ts";
import type {
  DeleteUrlGroup,
  EndpointMark,
  RemoveEndpoints,
  SetEndpoints,
  SetUrlGroupHeaders,
} from "./url-group-command.ts";

/** URL groups: names for lists of endpoints. A group has at least one endpoint; the last one takes it along. */

/** Adds endpoints, or updates those that are known by their name or URL. */
export function decideSetEndpoints(
  group: UrlGroupRow | null,
  { name, endpoints, endpointsMax = URL_GROUP_ENDPOINTS_MAX }: SetEndpoints,
  context: Context,
): Transition<null> {
  const after = endpoints.reduce(putEndpoint, endpointsOfGroup(group));
  if (after.length > endpointsMax) {
    throw new RepriseError("quota_exceeded", {
      message: `quota maxEndpointsPerTopic exceeded, current limit: ${endpointsMax}; the URL group ${name} would have ${after.length} endpoints`,
      details: { quota: "maxEndpointsPerTopic", limit: endpointsMax },
    });
  }
  const changed = { updatedAt: context.now, endpoints: JSON.stringify(after) };
  const change =
    group === null
      ? insert("urlGroups", {
          key: context.newKey(),
          name,
          createdAt: context.now,
          headers: null,
          ...changed,
        })
      : update("urlGroups", group, { ...group, ...changed });
  return { changes: [change], effects: [], answer: null };
}

/** A name and a URL each stand for one endpoint: one that is known by both, or by either, is updated in its place. */
function putEndpoint(endpoints: readonly Endpoint[], given: Endpoint): readonly Endpoint[] {
  const byName = endpoints.findIndex(({ name }) => name !== undefined && name === given.name);
  const byUrl = endpoints.findIndex(({ url }) => url === given.url);
  const place = byName === -1 ? byUrl : byName;
  if (place === -1) return [...endpoints, given];
  const name = given.name ?? endpoints[place]?.name;
  const after = endpoints.with(place, { ...(name === undefined ? {} : { name }), url: given.url });
  return after.filter((_, index) => index === place || index !== byUrl);
}

/** Removes what a name or a URL stands for; what is not there needs no removing. */
export function decideRemoveEndpoints(
  group: UrlGroupRow | null,
  { name, endpoints }: RemoveEndpoints,
  context: Context,
): Transition<null> {
  if (group === null) throw urlGroupNotFound(name);
  const before = endpointsOfGroup(group);
  const after = before.filter((endpoint) => !endpoints.some((mark) => isMeant(endpoint, mark)));
  if (after.length === before.length) return unchanged(null);
  const change =
    after.length === 0
      ? remove("urlGroups", group.key)
      : update("urlGroups", group, {
          ...group,
          updatedAt: context.now,
          endpoints: JSON.stringify(after),
        });
  return { changes: [change], effects: [], answer: null };
}

function isMeant(endpoint: Endpoint, mark: EndpointMark): boolean {
  return (
    (mark.name !== undefined && mark.name === endpoint.name) ||
    (mark.url !== undefined && mark.url === endpoint.url)
  );
}

/** Messages that were made for the group go on. Deleting what is not there is no fault: clients clean up before they begin. */
export function decideDeleteUrlGroup(
  group: UrlGroupRow | null,
  _command: DeleteUrlGroup,
): Transition<null> {
  if (group === null) return unchanged(null);
  return { changes: [remove("urlGroups", group.key)], effects: [], answer: null };
}

/** Replaces the headers that every publish to the group has unless it brings its own. */
export function decideSetUrlGroupHeaders(
  group: UrlGroupRow | null,
  { name, headers }: SetUrlGroupHeaders,
  context: Context,
): Transition<null> {
  if (group === null) throw urlGroupNotFound(name);
  const json = Object.keys(headers).length === 0 ? null : JSON.stringify(headers);
  const after = { ...group, updatedAt: context.now, headers: json };
  return { changes: [update("urlGroups", group, after)], effects: [], answer: null };
}

function endpointsOfGroup(group: UrlGroupRow | null): readonly Endpoint[] {
  // Written by `JSON.stringify` of a list of endpoints.
  return group === null ? [] : (JSON.parse(group.endpoints) as readonly Endpoint[]);
}
