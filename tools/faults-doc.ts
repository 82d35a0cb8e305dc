/**
 * Makes docs/faults.md out of the fault catalogue: prints it, or with `--write` puts it in its place.
 * test/house/faults.test.ts fails while the page and the catalogue differ.
 */
import { writeFileSync } from 'node:fs';
import { catalog } from '../src/fault/catalog.ts';
import type { FaultEntry } from '../src/fault/entry.ts';

const again: Readonly<Record<FaultEntry['retry'], string>> = {
  soon: 'by itself, soon and then with growing pauses',
  'after-wait': 'by itself, after the wait that the server named',
  never: 'not before a person has acted',
};

/** The whole page. Codes are grouped by their plane, the part before the dot, in the order of the catalogue. */
export function faultsPage(entries: Readonly<Record<string, FaultEntry>>): string {
  const planes = Map.groupBy(Object.entries(entries), ([code]) => code.split('.')[0] ?? '');
  const sections = [...planes].map(([plane, faults]) => {
    const texts = faults.map(
      ([code, { says, cause, fix, retry }]) =>
        `### ${code}\n\n${says}\n\n- **What was seen:** ${cause}\n- **What to do:** ${fix}\n- **Tried again:** ${again[retry]}.\n`,
    );
    return `## ${plane}\n\n${texts.join('\n')}`;
  });
  return `<!-- Generated from src/fault/catalog by tools/faults-doc.ts. Change it there, then run tools/faults-doc.ts --write. -->

# Faults

Every failure that Postern knows has a code, which never changes its meaning. The code stands first in the message, in \`--json\` output and in the log.
What was seen and what is supposed are kept apart: the evidence printed beside the code is what the server really said.

${sections.join('\n')}`;
}

if (import.meta.main) {
  const page = faultsPage(catalog);
  if (process.argv.includes('--write')) writeFileSync(new URL('../docs/faults.md', import.meta.url), page);
  else process.stdout.write(page);
}
