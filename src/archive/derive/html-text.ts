/**
 * The words of an HTML text, for the search: tags become gaps, scripts and styles nothing, the common entities their characters.
 *
 * One pass from left to right and no pattern that could look back: the text may be hostile, and its length is all that counts. So an end
 * that was once looked for in vain is not looked for again.
 */

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
/** Elements whose content is no text. */
const silent = ['script', 'style', 'head'];

export function htmlText(html: string): string {
  const parts: string[] = [];
  const unclosed = new Set<string>();
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
      const name = silentName(html, open + 1);
      const close = name === undefined || unclosed.has(name) ? -1 : closing(html, name, open);
      if (name !== undefined && close < 0) unclosed.add(name);
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

function silentName(html: string, at: number): string | undefined {
  const found = /^[a-z0-9]+/i.exec(html.slice(at, at + 7))?.[0].toLowerCase();
  return found === undefined || !silent.includes(found) ? undefined : found;
}

function closing(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}`, 'gi');
  end.lastIndex = from;
  return end.exec(html)?.index ?? -1;
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}
