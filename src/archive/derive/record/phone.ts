/**
 * Telephone numbers as feeds write them: a run of 7 to 15 digits that stands alone (ITU-T E.164 §6.2.1: 15 digits at most).
 *
 * The hard thing is what digits alone do not say: whether a calling code is among them. TeleMessage writes numbers with it and without
 * the `+` (facts: seen in its app); a number that begins with 0, or is short, has none, and only the source's country can lend one.
 */

/** Marks that turn the direction of text; TeleMessage's app writes some of them around names. Kept as evidence, passed over in matching. */
const bidi = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const run = /^\+?\d{7,15}$/;

/** The text as it is matched and shown. */
export function withoutBidi(text: string): string {
  return text.replace(bidi, '');
}

/** Whether the text is a number and nothing else. */
export function isPhone(text: string): boolean {
  return run.test(withoutBidi(text).trim());
}

/** Calling codes whose numbers keep their leading zero (Italy, San Marino and the Vatican, Ivory Coast, Gabon, Congo). */
const keepsZero: ReadonlySet<string> = new Set(['39', '378', '379', '225', '241', '242']);
/** So many digits hold a calling code; numbers of ten are written with one in some countries and without one in others. */
const surelyInternational = 11;
const longestNational = 9;

/**
 * `+` and digits, or undefined where the calling code is not known.
 * @param country calling code for numbers without one, digits only
 */
export function e164(raw: string, country: string | undefined): string | undefined {
  const text = withoutBidi(raw).trim();
  if (!run.test(text)) return undefined;
  if (text.startsWith('+')) return text;
  if (text.startsWith('00')) return text.length >= 9 ? `+${text.slice(2)}` : undefined;
  if (text.startsWith('0')) return country === undefined ? undefined : `+${country}${keepsZero.has(country) ? text : text.slice(1)}`;
  // The North American plan: ten digits, the first of them never 0 or 1.
  if (country === '1' && text.length === 10) return `+1${text}`;
  if (text.length >= surelyInternational) return `+${text}`;
  if (country === undefined) return undefined;
  if (text.length > longestNational) return text.startsWith(country) ? `+${text}` : undefined;
  return text.startsWith(country) ? undefined : `+${country}${text}`;
}

/** What two spellings of one number share: the digits of the E.164 form, else those that stand there. */
export function phoneKey(raw: string, country: string | undefined): string {
  return (e164(raw, country) ?? withoutBidi(raw)).replace(/\D/g, '');
}
