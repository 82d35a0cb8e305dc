/**
 * Keeps of a style attribute what changes how the text looks, and nothing else.
 *
 * The hard thing is that CSS can ask the network (`url()`, `image-set()`, `@import`), lay one thing over another, and be written in many ways
 * (escapes, comments). So nothing is understood here: a declaration stays if its property is on the list and its value is made of plain words,
 * numbers and colours; everything else goes.
 */

const properties = new Set(
  `color background background-color border border-top border-right border-bottom border-left border-color border-style border-width
  border-top-color border-right-color border-bottom-color border-left-color border-top-style border-right-style border-bottom-style
  border-left-style border-top-width border-right-width border-bottom-width border-left-width border-radius border-collapse border-spacing
  padding padding-top padding-right padding-bottom padding-left margin margin-top margin-right margin-bottom margin-left
  width max-width min-width height max-height min-height box-sizing
  font font-family font-size font-style font-variant font-weight font-stretch line-height letter-spacing word-spacing
  text-align text-decoration text-decoration-line text-decoration-color text-decoration-style text-transform text-indent vertical-align
  white-space word-break word-wrap overflow-wrap hyphens direction display float clear visibility opacity overflow
  list-style list-style-type table-layout caption-side empty-cells`.split(/\s+/),
);

/** What takes part in the flow of the text, and what is hidden. */
const displays =
  /^(?:none|block|inline|inline-block|table|inline-table|table-row|table-cell|table-row-group|table-header-group|table-footer-group|table-caption|list-item)$/;
/** Functions that make a colour, and none that fetches or computes. */
const colours = /\b(?:rgb|rgba|hsl|hsla)\(/g;
const plainValue = /^[-\w\s#%.,+'"!()/]+$/;
const valueChars = 300;
const declarationsMost = 80;

/** @param style as the parser of HTML hands it out. @returns what is left; empty for nothing */
export function cleanStyle(style: string): string {
  const kept: string[] = [];
  for (const declaration of style
    .slice(0, 20_000)
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .split(';')
    .slice(0, declarationsMost)) {
    const colon = declaration.indexOf(':');
    if (colon < 0) continue;
    const property = declaration.slice(0, colon).trim().toLowerCase();
    const value = declaration
      .slice(colon + 1)
      .trim()
      .replace(/\s+/g, ' ');
    if (properties.has(property) && isPlain(value) && isHarmless(property, value.toLowerCase())) kept.push(`${property}: ${value}`);
  }
  return kept.join('; ');
}

/** Whether a browser would ask the network because of it, however it is written: for counting, so in doubt yes. */
export function asksNetwork(style: string): boolean {
  return /url|image(?:-set)?\s*\(|@import|\bsrc\s*\(|\\/i.test(style);
}

function isPlain(value: string): boolean {
  if (value === '' || value.length > valueChars || !plainValue.test(value)) return false;
  // An opened quotation mark or bracket would take in what follows.
  for (const mark of ['"', "'"]) if (value.split(mark).length % 2 === 0) return false;
  if (value.split('(').length !== value.split(')').length) return false;
  return !value.toLowerCase().replace(colours, '').includes('(');
}

function isHarmless(property: string, value: string): boolean {
  if (property === 'display') return displays.test(value.replace(/\s*!important$/, ''));
  // Nothing is drawn over its neighbours, or out of the page.
  if (property.startsWith('margin') || property === 'text-indent' || property === 'letter-spacing' || property === 'word-spacing') {
    return !/-\s*[\d.]/.test(value);
  }
  return true;
}
