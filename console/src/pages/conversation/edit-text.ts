/**
 * The words of an edit apart from the words that it repeats.
 *
 * The hard thing is that a feed writes the text of before into each edit, behind the new one, in its own way: only what stands there word
 * for word, and stands in the conversation already, is taken away; where nothing is left, or nothing fits, the edit is shown whole.
 */

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** @param before texts of before, the original and earlier edits */
export function editedWords(text: string, before: readonly string[]): string {
  const said = text.trim();
  for (const one of [...before].reverse()) {
    const old = one.trim();
    if (old === '' || !said.endsWith(old) || plain(said) === plain(old)) continue;
    const rest = said.slice(0, said.length - old.length).trim();
    if (rest !== '') return rest;
  }
  return said;
}
