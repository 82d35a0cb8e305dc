/**
 * The MIME tree of a message, as offsets into its bytes: enough for BODYSTRUCTURE and BODY[n].
 *
 * The hard thing is that any bytes may come: no blank line, a boundary that never ends, headers in eight bits. Nothing here throws;
 * what cannot be understood is one part of plain text. RFC 2045 §5, RFC 2046 §5.1.
 */

export interface Part {
  /** First byte of the header, first byte after its blank line, first byte after the part. */
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  readonly headers: readonly Header[];
  /** In lower case. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly parts: readonly Part[];
  /** The message inside a message/rfc822. */
  readonly inner: Part | undefined;
}

export interface Header {
  readonly name: string;
  /** Unfolded, without blanks at both ends; latin1. */
  readonly value: string;
  /** As it stands in the message, folded, with its line end. */
  readonly raw: string;
}

const depthLimit = 30;
const partLimit = 1000;

/** Where the header ends: the first byte after the blank line, or the end when there is none. */
export function headerEnd(bytes: Buffer, start = 0, end: number = bytes.length): number {
  let at = start;
  while (at < end) {
    const lineEnd = bytes.indexOf(0x0a, at);
    if (lineEnd < 0 || lineEnd >= end) return end;
    if (lineEnd === at || (lineEnd === at + 1 && bytes[at] === 0x0d)) return lineEnd + 1;
    at = lineEnd + 1;
  }
  return end;
}

export function readHeaders(bytes: Buffer, start: number, end: number): Header[] {
  const headers: Header[] = [];
  const text = bytes.toString('latin1', start, end);
  for (const [raw] of text.matchAll(/[^\r\n][^\n]*(?:\n|$)(?:[ \t][^\n]*(?:\n|$))*/g)) {
    const colon = raw.indexOf(':');
    if (colon < 1) continue;
    const value = raw
      .slice(colon + 1)
      .replace(/\r?\n(?=[ \t])/g, '')
      .trim();
    headers.push({ name: raw.slice(0, colon).trim(), value, raw });
  }
  return headers;
}

export function headerValue(headers: readonly Header[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return headers.find((header) => header.name.toLowerCase() === wanted)?.value;
}

/** `text/plain; charset="x"` as value and parameters, names in lower case. */
export function readParameters(value: string): { readonly value: string; readonly parameters: Map<string, string> } {
  const [first = ''] = value.split(';', 1);
  const parameters = new Map<string, string>();
  for (const found of value.matchAll(/;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g)) {
    parameters.set((found[1] ?? '').toLowerCase(), found[2]?.replace(/\\(.)/g, '$1') ?? found[3] ?? '');
  }
  return { value: first.trim().toLowerCase(), parameters };
}

export function readMessage(bytes: Buffer): Part {
  return readPart(bytes, 0, bytes.length, 0, { left: partLimit }, 'text/plain');
}

function readPart(bytes: Buffer, start: number, end: number, depth: number, budget: { left: number }, fallback: string): Part {
  budget.left -= 1;
  const bodyStart = headerEnd(bytes, start, end);
  const headers = readHeaders(bytes, start, bodyStart);
  const content = readParameters(headerValue(headers, 'content-type') ?? fallback);
  const isType = /^[^\s/]+\/[^\s/]+$/.test(content.value);
  const [type = 'text', subtype = 'plain'] = isType ? content.value.split('/') : ['text', 'plain'];
  const common = { start, bodyStart, end, headers, type, subtype, parameters: content.parameters };
  const isDeep = depth >= depthLimit || budget.left <= 0;
  const boundary = content.parameters.get('boundary');
  if (type === 'multipart' && boundary && !isDeep) {
    const inside = subtype === 'digest' ? 'message/rfc822' : 'text/plain';
    const spans = splitAt(bytes, bodyStart, end, boundary);
    const parts = spans.slice(0, budget.left).map(([from, to]) => readPart(bytes, from, to, depth + 1, budget, inside));
    if (parts.length > 0) return { ...common, parts, inner: undefined };
  }
  const isMessage = type === 'message' && subtype === 'rfc822' && !isDeep;
  const encoding = headerValue(headers, 'content-transfer-encoding')?.toLowerCase() ?? '7bit';
  const inner =
    isMessage && !['base64', 'quoted-printable'].includes(encoding)
      ? readPart(bytes, bodyStart, end, depth + 1, budget, 'text/plain')
      : undefined;
  if (type === 'multipart' || (isMessage && !inner)) return { ...common, type: 'text', subtype: 'plain', parts: [], inner: undefined };
  return { ...common, parts: [], inner };
}

/** The spans between boundary lines. The line end before a boundary belongs to the boundary. RFC 2046 §5.1.1. */
function splitAt(bytes: Buffer, start: number, end: number, boundary: string): (readonly [number, number])[] {
  const marker = Buffer.from(`--${boundary}`, 'latin1');
  const spans: (readonly [number, number])[] = [];
  let partStart = -1;
  for (let at = start; at < end; ) {
    const found = bytes.indexOf(marker, at);
    if (found < 0 || found >= end) break;
    at = found + marker.length;
    if (found > start && bytes[found - 1] !== 0x0a) continue;
    const rest = bytes.toString('latin1', at, Math.min(at + 2, end));
    const lineEnd = bytes.indexOf(0x0a, at);
    const isLast = rest === '--';
    const line = bytes.toString('latin1', at, lineEnd < 0 ? end : Math.min(lineEnd, end)).trim();
    if (!isLast && line !== '') continue;
    if (partStart >= 0) spans.push([partStart, Math.max(partStart, lineBefore(bytes, found))]);
    if (isLast) return spans;
    if (lineEnd < 0 || lineEnd >= end) return spans;
    partStart = lineEnd + 1;
    at = partStart;
  }
  if (partStart >= 0) spans.push([partStart, end]);
  return spans;
}

function lineBefore(bytes: Buffer, at: number): number {
  if (bytes[at - 1] !== 0x0a) return at;
  return bytes[at - 2] === 0x0d ? at - 2 : at - 1;
}
