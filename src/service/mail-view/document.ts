/**
 * The document that a frame shows: complete, with a title and a language, readable and printable by itself.
 *
 * The hard thing is dark mode. Mail is written for white paper, and its colours cannot be turned round without making some of it unreadable;
 * so the frame is a sheet of white paper, whatever the console around it looks like. The policy stands in the document too, so that it goes
 * with it wherever it is saved.
 */
import { escapeText } from './escape.ts';

export interface Sheet {
  readonly title: string;
  readonly lang: string | undefined;
  /** Safe HTML. */
  readonly body: string;
  /** What has to be said above it. */
  readonly note: string | undefined;
}

const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";

const style = `
:root { color-scheme: light; background: #fff; color: #1b1b1f; }
body { margin: 0; padding: 16px; font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
img { max-width: 100%; height: auto; }
img:not([src]) { outline: 1px dashed #8a8a94; outline-offset: -1px; color: #5c5c66; font-size: 12px; }
a[data-link] { color: #0a58ad; text-decoration: underline; cursor: help; }
blockquote { margin: 0 0 0 4px; padding-left: 12px; border-left: 2px solid #c9c9d1; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, "SFMono-Regular", Consolas, "Liberation Mono", monospace; }
.postern-note { margin: 0 0 16px; padding: 8px 12px; border: 1px solid #b58a00; border-radius: 4px; background: #fff8e1; color: #4d3b00; }
@media print { body { padding: 0; } a[data-link]::after { content: " (" attr(title) ")"; font-size: 80%; } }
`;

export function documentOf({ title, lang, body, note }: Sheet): string {
  return `<!doctype html>
<html lang="${escapeText(lang ?? 'en')}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title === '' ? 'Message without a subject' : title.slice(0, 300))}</title>
<style>${style}</style>
</head>
<body>
${note === undefined ? '' : `<p class="postern-note">${escapeText(note)}</p>\n`}<div>${body}</div>
</body>
</html>
`;
}

/** Plain text as a piece of a document. */
export function preformatted(text: string): string {
  return `<pre>${escapeText(text)}</pre>`;
}
