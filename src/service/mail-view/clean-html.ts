/**
 * Makes the HTML of a mail safe: of its elements, attributes and styles only those on the lists come through, all written anew.
 *
 * The hard thing is that the text is written by whoever wishes us ill, for a browser that will read it again and perhaps otherwise than we do.
 * So nothing passes as it stands: each element gets its attributes from here, each value is checked by its shape; what holds text that is no
 * HTML (style, script, title, svg …) goes with its content. And it may be large and deep: it runs in a thread that can be ended (mail-view.ts).
 */
import sanitizeHtml from 'sanitize-html';
import { asksNetwork, cleanStyle } from './clean-style.ts';
import { isActive, type Link, linkOf, plainTarget } from './links.ts';
import { inlinePicture } from './picture.ts';

export interface CleanHtml {
  /** A piece of HTML for the body of a document. */
  readonly html: string;
  /** The language that the mail says it is written in, where it is a language tag. */
  readonly lang: string | undefined;
  readonly remote: number;
  readonly pictures: number;
  readonly links: readonly Link[];
  readonly removed: readonly { readonly what: string; readonly count: number }[];
  readonly cut: boolean;
}

const allowedTags = `a abbr acronym address article aside b big blockquote br caption center cite code col colgroup dd del dfn div dl dt em
  figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span
  strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr`.split(/\s+/);
const allowed = new Set(allowedTags);

/** They go with everything in them: it is no text of the mail, or a browser reads it otherwise than as HTML. */
const nonTextTags =
  `script style title textarea option select xmp svg math template noembed noframes plaintext iframe object applet audio video
  canvas`.split(/\s+/);

/** What a person is told of when it is taken out; the rest is furniture of every mail (html, head, body, meta with a charset, o:p …). */
const told = new Set(
  `script style svg math template iframe frame frameset object embed applet form input button select textarea link base audio video canvas
  noembed noframes xmp plaintext portal fencedframe marquee dialog`.split(/\s+/),
);

/** Elements within one another, elements in all, and links and pictures that are told of. */
const depthMost = 120;
const elementsMost = 40_000;
const linksMost = 500;
/** Elements that are not closed by the next of their kind may stand open in one another this deep; further the reading is cut off. */
const openMost = 600;

/**
 * @param pictures `data:` addresses by the Content-ID of the picture
 * @param limitChars of the HTML that is read
 */
export function cleanHtml(html: string, pictures: ReadonlyMap<string, string>, limitChars: number): CleanHtml {
  const text = html.slice(0, depthEnd(html, Math.min(html.length, limitChars)));
  const cleaner = new Cleaner(pictures);
  const clean = sanitizeHtml(text.toWellFormed().replaceAll('\0', ''), {
    allowedTags,
    allowedAttributes: false,
    nonTextTags,
    disallowedTagsMode: 'discard',
    nestingLimit: depthMost,
    allowedSchemes: [],
    allowedSchemesByTag: { img: ['data'] },
    allowProtocolRelative: false,
    parseStyleAttributes: false,
    transformTags: { '*': (name, attributes) => cleaner.element(name, attributes) },
    exclusiveFilter: (frame) => cleaner.closed(frame.attribs, frame.text),
  });
  return { html: clean, ...cleaner.found(), cut: text.length < html.length || cleaner.isFull };
}

/** Where elements are opened in one another deeper than any mail's: a parser's time grows with the square of that. */
function depthEnd(html: string, limit: number): number {
  let open = 0;
  const tag = /<(\/?)([a-z][a-z0-9]*)/gi;
  for (let found = tag.exec(html); found !== null && found.index < limit; found = tag.exec(html)) {
    if (closedByItself.test(found[2] ?? '')) continue;
    open = Math.max(0, open + (found[1] === '' ? 1 : -1));
    if (open > openMost) return found.index;
  }
  return limit;
}
const closedByItself =
  /^(?:p|li|d[td]|t[rdh]|thead|tbody|tfoot|option|br|hr|img|input|meta|link|col|wbr|base|area|source|embed|param|track)$/i;

class Cleaner {
  readonly #pictures: ReadonlyMap<string, string>;
  readonly #links: Link[] = [];
  readonly #targets: string[] = [];
  readonly #removed = new Map<string, number>();
  #remote = 0;
  #shown = 0;
  #elements = 0;
  #lang: string | undefined;

  constructor(pictures: ReadonlyMap<string, string>) {
    this.#pictures = pictures;
  }

  get isFull(): boolean {
    return this.#elements > elementsMost;
  }

  /** The element that stands in the place of this one, with attributes that are all ours. */
  element(name: string, given: Readonly<Record<string, string>>): sanitizeHtml.Tag {
    this.#elements += 1;
    this.#count(name, given);
    if (this.isFull) return { tagName: 'nothing', attribs: {} };
    if (name === 'html' && languageTag.test(given['lang'] ?? '')) this.#lang ??= given['lang'];
    const tagName = name === 'body' ? 'div' : name;
    if (!allowed.has(tagName)) return { tagName, attribs: {} };
    const attribs = plainAttributes(tagName, given);
    if (tagName === 'img') Object.assign(attribs, this.#picture(given));
    if (tagName === 'a') Object.assign(attribs, this.#link(given['href']));
    return { tagName, attribs };
  }

  /** An element ends: of a link its text is known now. Returns false: it stays. */
  closed(attributes: Readonly<Record<string, string>>, text: string): false {
    const number = attributes['data-link'];
    if (number !== undefined && this.#links.length < linksMost)
      this.#links[Number(number)] = linkOf(text, this.#targets[Number(number)] ?? '');
    return false;
  }

  found(): Pick<CleanHtml, 'lang' | 'remote' | 'pictures' | 'links' | 'removed'> {
    const removed = [...this.#removed].map(([what, count]) => ({ what, count })).sort((a, b) => b.count - a.count);
    // A link that was never closed, or that lies too deep, has a target all the same.
    const links = this.#targets.slice(0, linksMost).map((target, index) => this.#links[index] ?? linkOf('', target));
    return { lang: this.#lang, remote: this.#remote, pictures: this.#shown, links, removed };
  }

  #count(name: string, given: Readonly<Record<string, string>>): void {
    if (told.has(name)) this.#remove(name);
    if (name === 'meta' && /refresh/i.test(given['http-equiv'] ?? '')) this.#remove('meta refresh');
    let asks = name === 'style' || (given['style'] !== undefined && asksNetwork(given['style']));
    for (const [attribute, value] of Object.entries(given)) {
      if (attribute.startsWith('on')) this.#remove('event handler');
      const isAddress = addresses.has(attribute) || (attribute === 'href' && /^(?:link|image|use|base)$/.test(name));
      if (isAddress && !/^\s*(?:cid:|data:|#|$)/i.test(value)) asks = true;
    }
    // Of a style sheet it is not known what it would load.
    if (asks && name !== 'style') this.#remote += 1;
  }

  #remove(what: string): void {
    this.#removed.set(what, (this.#removed.get(what) ?? 0) + 1);
  }

  #picture({ src = '', alt = '' }: Readonly<Record<string, string>>): Record<string, string> {
    const target = plainTarget(src);
    const contentId = /^cid:/i.test(target) ? decoded(target.slice(4)) : undefined;
    const address = contentId === undefined ? inlinePicture(target) : this.#pictures.get(contentId);
    if (address === undefined) return { alt };
    this.#shown += 1;
    return { alt, src: address };
  }

  #link(href: string | undefined): Record<string, string> {
    const target = plainTarget(href ?? '');
    if (target === '' || target.startsWith('#')) return {};
    if (isActive(target)) this.#remove('active link');
    this.#targets.push(target);
    return { 'data-link': String(this.#targets.length - 1), title: target.slice(0, 300) };
  }
}

const languageTag = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}$/i;
const addresses = new Set([
  'src',
  'srcset',
  'background',
  'poster',
  'data',
  'lowsrc',
  'dynsrc',
  'xlink:href',
  'imagesrcset',
  'code',
  'classid',
]);

/** A number, or a share of the room. */
const measure = /^\d{1,4}(?:\.\d{1,2})?(?:%|px)?$/;
const colour = /^(?:#?[0-9a-f]{3,8}|[a-z]{3,30})$/i;
const word = /^[\w .,'-]{1,100}$/;
/** A span of cells costs room for each. */
const span = /^(?:[1-9]\d?)$/;

const shapes: Readonly<Record<string, RegExp>> = {
  align: /^(?:left|right|center|justify|middle|top|bottom|char)$/i,
  valign: /^(?:top|middle|bottom|baseline)$/i,
  width: measure,
  height: measure,
  border: measure,
  cellpadding: measure,
  cellspacing: measure,
  hspace: measure,
  vspace: measure,
  bgcolor: colour,
  bordercolor: colour,
  color: colour,
  face: word,
  size: /^[+-]?\d{1,3}$/,
  colspan: span,
  rowspan: span,
  span,
  start: /^\d{1,6}$/,
  value: /^\d{1,6}$/,
  type: /^(?:[1aAiI]|disc|circle|square)$/,
  dir: /^(?:ltr|rtl|auto)$/i,
  lang: languageTag,
  nowrap: /^(?:nowrap|true)?$/i,
  noshade: /^(?:noshade|true)?$/i,
  clear: /^(?:left|right|all|both|none)$/i,
  frame: /^(?:void|above|below|hsides|lhs|rhs|vsides|box|border)$/i,
  rules: /^(?:none|groups|rows|cols|all)$/i,
};

function plainAttributes(name: string, given: Readonly<Record<string, string>>): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [attribute, value] of Object.entries(given)) {
    if (Object.hasOwn(shapes, attribute) && shapes[attribute]?.test(value.trim()) === true) attributes[attribute] = value.trim();
  }
  if (given['title'] !== undefined) attributes['title'] = given['title'].slice(0, 500);
  const style = cleanStyle(given['style'] ?? '');
  if (style !== '') attributes['style'] = style;
  if (name === 'div') {
    Object.assign(attributes, paper(given, style));
    delete attributes['bgcolor'];
  }
  return attributes;
}

/** The colours of a body, which stands here as a `div`. */
function paper(given: Readonly<Record<string, string>>, style: string): Record<string, string> {
  const colours = [
    ['background-color', given['bgcolor']],
    ['color', given['text']],
  ].flatMap(([property, value]) => (value !== undefined && colour.test(value) ? [`${property}: ${value}`] : []));
  return colours.length === 0 ? {} : { style: [...colours, ...(style === '' ? [] : [style])].join('; ') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
