/** Text as it stands in HTML, in an element or in a quoted attribute: no character of it means anything there. */

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeText(text: string): string {
  return text.toWellFormed().replace(/[\0&<>"']/g, (character) => entities[character] ?? '');
}
