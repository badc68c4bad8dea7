/**
 * The published development identity. It is public knowledge: clients in development mode send exactly this token,
 * verify with exactly these keys, and recognise a running server by them. Never accept it in production.
 */
export interface DevIdentity {
  readonly userId: string;
  /** Bearer token: base64 of a JSON object with `UserID` and `Password`, the shape that clients decode. */
  readonly token: string;
  readonly currentSigningKey: string;
  readonly nextSigningKey: string;
}

export const DEV_IDENTITY: DevIdentity = {
  userId: "defaultUser",
  token: "eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=",
  currentSigningKey: "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
  nextSigningKey: "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
};

/** Three more published users, for tests that need separate accounts. */
export const DEV_TEST_IDENTITIES: readonly DevIdentity[] = [
  {
    userId: "testUser1",
    token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjEiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
    currentSigningKey: "sig_7GVPjvuwsfqF65iC8fSrs1dfYruM",
    nextSigningKey: "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua",
  },
  {
    userId: "testUser2",
    token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjIiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
    currentSigningKey: "sig_6jWGaWRxHsw4vMSPJprXadyvrybF",
    nextSigningKey: "sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx",
  },
  {
    userId: "testUser3",
    token: "eyJVc2VySUQiOiJ0ZXN0VXNlcjMiLCJQYXNzd29yZCI6InRlc3RQYXNzd29yZCJ9",
    currentSigningKey: "sig_5T8FcSsynBjn9mMLBsXhpacRovJf",
    nextSigningKey: "sig_7GFR4YaDshFcqsxWRZpRB161jguD",
  },
];

/** Tells whether a token or a signing key is one of the published ones. */
export function isDevSecret(secret: string): boolean {
  return [DEV_IDENTITY, ...DEV_TEST_IDENTITIES].some(
    ({ token, currentSigningKey, nextSigningKey }) =>
      secret === token || secret === currentSigningKey || secret === nextSigningKey,
  );
}
