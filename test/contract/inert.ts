/**
 * Whether a document of the mail view can do nothing: a judge that shares no line with what made it, and knows nothing but what HTML looks like
 * when every value is quoted and every sign escaped.
 */
import assert from 'node:assert/strict';

const elements = new Set(
  `a abbr acronym address article aside b big blockquote br caption center cite code col colgroup dd del dfn div dl dt em figcaption figure font
  footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span strike strong sub sup table
  tbody td tfoot th thead time tr tt u ul var wbr`.split(/\s+/),
);
const attributes = new Set(
  `align valign width height border cellpadding cellspacing hspace vspace bgcolor bordercolor color face size colspan rowspan span start value
  type dir lang nowrap noshade clear frame rules title style alt src data-link class`.split(/\s+/),
);

/** The part of a document that comes from the mail. */
export function bodyOf(document: string): string {
  assert.ok(document.startsWith('<!doctype html>\n<html lang="'), 'it is no whole document');
  assert.match(document, /<title>[^<>]+<\/title>/);
  const [, body] = /<body>\n([\s\S]*)\n<\/body>\n<\/html>\n$/.exec(document) ?? [];
  assert.ok(body !== undefined, 'it has no body');
  return body;
}

/** @throws AssertionError that names what could do something */
export function assertInert(document: string, what: string): void {
  const body = bodyOf(document);
  const rest = body.replace(/<(\/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)( \/)?>/g, (_, _end, name: string, given: string) => {
    assert.ok(elements.has(name), `${what}: <${name}>`);
    for (const [, attribute = '', value = ''] of given.matchAll(/ ([a-z-]+)(?:="([^"]*)")?/g)) {
      assert.ok(attributes.has(attribute), `${what}: ${name} ${attribute}`);
      if (attribute === 'src') {
        assert.equal(name, 'img', what);
        assert.match(value, /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/, what);
      }
      if (attribute === 'class') assert.equal(value, 'postern-note', what);
      if (attribute === 'style') assertPlainStyle(value, what);
    }
    return '';
  });
  assert.doesNotMatch(rest, /[<\0]/, `${what}: a bracket that is no tag`);
}

function assertPlainStyle(style: string, what: string): void {
  const words = style.replaceAll('&quot;', '"').toLowerCase();
  assert.doesNotMatch(
    words,
    /url|image\(|image-set|expression|@import|behavior|binding|position|var\(|attr\(|[\\<>@{}]|\/\*/,
    `${what}: ${style}`,
  );
  assert.doesNotMatch(words, /(?:^|;)\s*(?:margin|text-indent)[a-z-]*:[^;]*-\s*\d/, `${what}: ${style}`);
}
