/** Ways to write an address or a name into a URL, so that the check of a destination might not see where it leads. */

/** Texts that `new URL` takes for addresses that no delivery may reach, or for names, or refuses. */
export function deniedSpellings(port: number): readonly string[] {
  const hosts = [
    ...["127.0.0.1", "127.255.255.254", "127.0.1.1", "0.0.0.0"].flatMap(v4Spellings),
    ...["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1"].flatMap(v4Spellings),
    ...["169.254.169.254", "169.254.170.2", "100.100.100.200"].flatMap(v4Spellings),
    ...["192.0.2.1", "224.0.0.1", "255.255.255.255"].flatMap(v4Spellings),
    ...V6_ADDRESSES.flatMap(v6Spellings),
    ...NAMES.flatMap(nameSpellings),
  ];
  return [...new Set(hosts)].flatMap((host, index) => urlSpellings(host, port, index));
}

const V6_ADDRESSES: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0, 0, 1],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0xfd00, 0, 0, 0, 0, 0, 0, 1],
  [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
  [0xfe80, 0, 0, 0, 0, 0, 0, 1],
  [0xfec0, 0, 0, 0, 0, 0, 0, 1],
  [0xff02, 0, 0, 0, 0, 0, 0, 1],
  [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1],
  [0x64, 0xff9b, 1, 0, 0, 0, 0x7f00, 1],
  [0x100, 0, 0, 0, 0, 0, 0, 1],
  [0x5f00, 0, 0, 0, 0, 0, 0, 1],
];

/** Names that always lead to the machine itself, or to a metadata service. */
const NAMES = [
  "localhost",
  "app.localhost",
  "a.b.localhost",
  "metadata.google.internal",
  "metadata.goog",
  "metadata",
  "instance-data",
];

function v4Spellings(address: string): readonly string[] {
  const bytes = address.split(".").map(Number);
  const groups = [1, 2, 3, 4].map((count) => grouped(bytes, count));
  const dotted = groups.flatMap((parts) => products(parts.map(numberSpellings)));
  return [
    ...dotted,
    ...dotted.filter((_, index) => index % 9 === 0).map((text) => `${text}.`),
    ...["\u3002", "\uff0e", "\uff61", "%2e", "%2E"].map((dot) => address.replaceAll(".", dot)),
    ...DIGIT_ZEROS.map((zero) => digitsFrom(address, zero)),
    [...address].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join(""),
    // Characters that the host name loses on its way.
    address.replace(".", "\u00ad."),
    address.replace(".", "\u200b."),
    address.replace(".", ".\u2060"),
    ...carriers(bytes),
  ];
}

/** Digit zero of other scripts and styles, from which the other nine follow. */
const DIGIT_ZEROS = [0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6];

function digitsFrom(text: string, zero: number): string {
  return text.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
}

/** The last part of the short forms takes all the bytes that are left. */
function grouped(bytes: readonly number[], count: number): readonly number[] {
  const rest = bytes.slice(count - 1).reduce((value, byte) => value * 256 + byte, 0);
  return [...bytes.slice(0, count - 1), rest];
}

function numberSpellings(value: number): readonly string[] {
  return [`${value}`, `0x${value.toString(16)}`, `0${value.toString(8)}`];
}

function products(parts: readonly (readonly string[])[]): readonly string[] {
  return parts.reduce<readonly string[]>(
    (heads, tails) =>
      heads.flatMap((head) => tails.map((tail) => (head === "" ? tail : `${head}.${tail}`))),
    [""],
  );
}

/** Addresses of IPv6 that carry one of IPv4. */
function carriers(bytes: readonly number[]): readonly string[] {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const high = a * 256 + b;
  const low = c * 256 + d;
  const dotted = bytes.join(".");
  const turned = [0xffff - high, 0xffff - low];
  return [
    ...v6Spellings([0, 0, 0, 0, 0, 0xffff, high, low]),
    ...v6Spellings([0, 0, 0, 0, 0, 0, high, low]),
    ...v6Spellings([0, 0, 0, 0, 0xffff, 0, high, low]),
    ...v6Spellings([0x64, 0xff9b, 0, 0, 0, 0, high, low]),
    ...v6Spellings([0x2002, high, low, 0, 0, 0, 0, 0]),
    ...v6Spellings([0x2001, 0, 0x101, 0x101, 0, 0, ...turned]),
    ...["::ffff:", "::FFFF:", "0:0:0:0:0:ffff:", "::", "64:ff9b::"].map(
      (head) => `[${head}${dotted}]`,
    ),
  ];
}

function v6Spellings(words: readonly number[]): readonly string[] {
  const short = words.map((word) => word.toString(16)).join(":");
  const long = words.map((word) => word.toString(16).padStart(4, "0")).join(":");
  const compressed = short.replace(/(^|:)0(:0)+(:|$)/, "::");
  return [short, long, compressed, compressed.toUpperCase(), `${compressed}%25lo`].map(
    (text) => `[${text}]`,
  );
}

function nameSpellings(name: string): readonly string[] {
  const [first = ""] = name;
  return [
    ...[name, name.toUpperCase(), `${first.toUpperCase()}${name.slice(1)}`],
    ...[`${name}.`, `${name}\u3002`, `${name.toUpperCase()}.`],
    name.replaceAll(/[a-z]/g, (letter) => wide(letter, 0xff41)),
    name.replaceAll(/[a-z]/g, (letter) => wide(letter, 0x24d0)),
    name.replaceAll(/[a-z]/g, (letter) => wide(letter, 0x1d41a)),
    name.replace("o", "%6f").replace("e", "%65"),
    `${first}\u00ad${name.slice(1)}`,
    `${first}\u200b${name.slice(1)}`,
    name.replace("s", "\u017f"),
  ];
}

function wide(letter: string, a: number): string {
  return String.fromCodePoint(a + letter.charCodeAt(0) - 97);
}

/** The host as such, and in turn each way to lead a reader of URLs astray. */
function urlSpellings(host: string, port: number, index: number): readonly string[] {
  const at = `${host}:${port}`;
  const disguises = [
    `http://${at}/#@app.example/`,
    `http://${at}?@app.example/`,
    `http://${at}\\@app.example/`,
    `http://app.example@${at}/`,
    `http://app.example:80@${at}/`,
    `http:\\\\${at}/`,
    `http:${at}/`,
    `http:/${at}/`,
    `http:////${at}/`,
    `ht\ttp://${at}/`,
    `http://${host.slice(0, 2)}\n${host.slice(2)}:${port}/`,
    ` http://${at}/ `,
    `https://${at}/`,
    `HTTP://${host}:0${port}/`,
  ];
  return [`http://${at}/`, disguises[index % disguises.length] ?? ""];
}
