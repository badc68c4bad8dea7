/** What `fetch` takes, whether a project has the types of browsers or those of Node, which do not name it. */

export type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
export type BodyInit = NonNullable<ConstructorParameters<typeof Response>[0]>;
