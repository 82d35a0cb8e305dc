/**
 * The Date field as an instant (RFC 5322 §3.3, §4.3), the same on every machine.
 *
 * The hard thing is what the language does not do: it reads a date without a zone in the zone of the machine, and refuses forms that old
 * mail is full of. A zone that nobody knows, or none, counts as UTC, as RFC 5322 §4.3 has it.
 */

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** RFC 5322 §4.3, in minutes. */
const zones: Readonly<Record<string, number>> = { edt: -240, est: -300, cdt: -300, cst: -360, mdt: -360, mst: -420, pdt: -420, pst: -480 };
/** A longer field is no date. */
const readChars = 120;

const dayFirst =
  /^(?:[a-z]{2,9}\.?,? ?)?0?(\d{1,2})[ -]([a-z]{3})[a-z]{0,6}\.?,?[ -](\d{2,4}),? (\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d{1,9})?)? ?([+-]\d{4}|[+-]\d{2}:\d{2}|[a-z]{1,5})?/;
/** The C library's form, which mailers of old put there. */
const yearLast =
  /^(?:[a-z]{2,9},? )?([a-z]{3})[a-z]{0,6} (\d{1,2}),? (\d{1,2}):(\d{2}):(\d{2}) (?:([a-z]{1,5}|[+-]\d{4}) )?(\d{4})(?: ([+-]\d{4}|[a-z]{1,5}))?/;
const iso = /^(\d{4})-(\d{2})-(\d{2})[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)? ?(z|[+-]\d{2}:?\d{2})?/;

/** Undefined where the text is no date of a form that is known. */
export function mailDate(field: string): Date | undefined {
  const text = field
    .slice(0, readChars)
    .replace(/\([^()]*\)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
  const first = dayFirst.exec(text);
  if (first !== null) {
    const [, day, month = '', year = '', hour, minute, second, zone] = first;
    return instant(fullYear(year), months.indexOf(month), day, hour, minute, second, zone);
  }
  const last = yearLast.exec(text);
  if (last !== null) {
    const [, month = '', day, hour, minute, second, before, year, behind] = last;
    return instant(Number(year), months.indexOf(month), day, hour, minute, second, behind ?? before);
  }
  const numbers = iso.exec(text);
  if (numbers === null) return undefined;
  const [, year, month, day, hour, minute, second, zone] = numbers;
  return instant(Number(year), Number(month) - 1, day, hour, minute, second, zone);
}

/** RFC 5322 §4.3. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

type Digits = string | undefined;

function instant(year: number, month: number, day: Digits, hour: Digits, minute: Digits, second: Digits, zone: Digits): Date | undefined {
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second ?? 0)];
  if (month < 0 || month > 11 || d < 1 || h > 24 || m > 59 || s > 60) return undefined;
  const local = new Date(Date.UTC(year, month, d, h, m, s));
  if (local.getUTCDate() !== d && h < 24) return undefined;
  return new Date(local.getTime() - offsetMinutes(zone ?? '') * 60_000);
}

function offsetMinutes(zone: string): number {
  const digits = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (digits === null) return zones[zone] ?? 0;
  const minutes = Number(digits[2]) * 60 + Number(digits[3]);
  // An offset of more than a day is none.
  return minutes > 24 * 60 ? 0 : digits[1] === '-' ? -minutes : minutes;
}
