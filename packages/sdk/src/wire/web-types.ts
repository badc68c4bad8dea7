/** What `fetch` takes, whether a project has the types of browsers or those of Node, which do not name it. */

/** What headers can be made of. */
export type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;

/** What a body can be made of. */
export type BodyInit = NonNullable<ConstructorParameters<typeof Response>[0]>;
