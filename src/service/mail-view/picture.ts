/**
 * Pictures of a message as `data:` addresses for its HTML.
 *
 * The hard thing is that the declared type is a claim: by their first bytes only the four kinds that browsers draw and that run nothing are let
 * through, SVG never.
 */

const signatures: readonly { readonly type: string; readonly fits: (head: string) => boolean }[] = [
  { type: 'image/png', fits: (head) => head.startsWith('\x89PNG\r\n\x1a\n') },
  { type: 'image/jpeg', fits: (head) => head.startsWith('\xff\xd8\xff') },
  { type: 'image/gif', fits: (head) => /^GIF8[79]a/.test(head) },
  { type: 'image/webp', fits: (head) => /^RIFF[\s\S]{4}WEBP/.test(head) },
];

export function pictureAddress(bytes: Uint8Array): string | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = all.toString('latin1', 0, 16);
  const known = signatures.find(({ fits }) => fits(head));
  return known === undefined ? undefined : `data:${known.type};base64,${all.toString('base64')}`;
}

/** Longest address of a picture that the HTML holds itself. */
const inlineChars = 4 * 1024 * 1024;

/** A picture that stands in the HTML as `data:`, written anew from its bytes. */
export function inlinePicture(address: string): string | undefined {
  if (address.length > inlineChars) return undefined;
  const [, base64] = /^\s*data:image\/[a-z+.-]{1,20}(?:;[a-z]+=[\w-]+)*;base64,([A-Za-z0-9+/=\s]+)$/i.exec(address) ?? [];
  return base64 === undefined ? undefined : pictureAddress(Buffer.from(base64, 'base64'));
}
