/**
 * The fields of a part's header that say what it is, read as far as that takes: type, encoding, boundary and name.
 *
 * The hard thing is to read them like the parser that reads the rest. In their plain forms the two agree; whatever is written otherwise is
 * not seen here, and then nothing is left out of the message.
 */
import type { TransferEncoding } from './leaf-digest.ts';

/** The fields of a part's header that say what it is; the first of each counts, as with the parser. */
export interface Fields {
  type: string;
  encoding: string;
  disposition: string;
}

/** The file name of a part; a name that is written in sections (RFC 2231 §3) is left to the parser. */
export function nameOf({ type, disposition }: Fields): string {
  if (disposition === '' && !type.includes(';')) return '';
  const extended = /[\s;]filename\*\s*=\s*"?[^'\s;]*'[^'\s;]*'([^\s;"]+)/i.exec(disposition)?.[1];
  if (extended !== undefined) return percentDecoded(extended);
  return parameter(disposition, 'filename') ?? parameter(type, 'name') ?? '';
}

/** RFC 2231 §4, in the one charset that is still written. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The value of a parameter of a header field (RFC 2045 §5.1), in its plain form. */
export function parameter(field: string, name: 'boundary' | 'filename' | 'name'): string | undefined {
  const found = parameters[name].exec(field);
  return found?.[1] ?? found?.[2];
}

const parameters = {
  boundary: /[\s;]boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i,
  filename: /[\s;]filename\s*=\s*(?:"([^"]*)"|([^\s;]+))/i,
  name: /[\s;]name\s*=\s*(?:"([^"]*)"|([^\s;]+))/i,
};

export function encodingOf(field: string): TransferEncoding {
  const word = /[\w-]+/.exec(field)?.[0].toLowerCase() ?? '';
  if (word.includes('base64')) return 'base64';
  return word.includes('quoted-printable') ? 'quoted-printable' : 'identity';
}
