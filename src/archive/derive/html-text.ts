/**
 * The words of an HTML text, for the search: tags become gaps, scripts and styles nothing, the common entities their characters.
 *
 * One pass from left to right and no pattern that could look back: the text may be hostile, and its length is all that counts.
 */

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
/** Elements whose content is no text. */
const silent = ['script', 'style', 'head'];

export function htmlText(html: string): string {
  const parts: string[] = [];
  const lower = html.toLowerCase();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      parts.push(html.slice(at));
      break;
    }
    if (open > at) parts.push(html.slice(at, open));
    if (html.startsWith('<!--', open)) {
      at = after(html, '-->', open + 4);
    } else {
      const name = silent.find((one) => lower.startsWith(one, open + 1) && !/[a-z0-9]/.test(lower[open + 1 + one.length] ?? ''));
      const close = name === undefined ? -1 : lower.indexOf(`</${name}`, open);
      at = after(html, '>', close < 0 ? open : close);
      parts.push(' ');
    }
  }
  return parts
    .join('')
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
      const point = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
      if (point === undefined) return entities[String(name).toLowerCase()] ?? whole;
      return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : ' ';
    })
    .replace(/\s+/g, ' ')
    .trim();
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}
