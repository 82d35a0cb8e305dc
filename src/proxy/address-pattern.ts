/** Patterns of mailbox addresses: letters as they are, `*` for any letters, `@` never among them. Lower case on both sides. */

/** Whether one of the patterns covers the address. Time grows with their lengths only, whatever an application sends as its name. */
export function covers(patterns: readonly string[], address: string): boolean {
  return patterns.some((pattern) => pattern === '*' || fits(pattern, address));
}

/** Two pointers and one place to come back to: a `*` takes one letter more each time that what follows does not fit. */
function fits(pattern: string, text: string): boolean {
  let [at, star, taken] = [0, -1, 0];
  for (let index = 0; index < text.length; ) {
    if (pattern[at] === '*') {
      star = at;
      taken = index;
      at += 1;
    } else if (pattern[at] === text[index]) {
      at += 1;
      index += 1;
    } else {
      if (star < 0 || text[taken] === '@') return false;
      at = star + 1;
      taken += 1;
      index = taken;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
