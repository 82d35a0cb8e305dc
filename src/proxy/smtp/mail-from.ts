/** MAIL FROM, read. Pure. */

/** Address and parameters of MAIL FROM; undefined where it is none. RFC 5321 §4.1.1.2. */
export function readMailFrom(rest: string): { readonly address: string; readonly parameters: ReadonlyMap<string, string> } | undefined {
  const found = /^FROM: *<(?:@[^\0- :>\x7f]*:)?((?:"(?:[^"\\\0-\x1f\x7f]|\\[ -~])*"|[^<>"\0- \x7f])*)>((?: +[^\0- \x7f]+)*) *$/i.exec(rest);
  if (found === null) return undefined;
  const words = (found[2] ?? '').split(/ +/).filter((word) => word !== '');
  const parameters = new Map(
    words.map((word) => {
      const [name = '', ...value] = word.split('=');
      return [name.toUpperCase(), value.join('=')];
    }),
  );
  return { address: found[1] ?? '', parameters };
}
