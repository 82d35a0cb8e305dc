/**
 * No text becomes markup or script in this page, whoever asks for it (Trusted Types, w3.org/TR/trusted-types).
 *
 * The service sends `require-trusted-types-for 'script'`: then a browser hands every text that is about to become HTML to this policy
 * first. What the component library sets that way are styles, without a tag in them; anything with a tag is refused, and where a script
 * or its address is asked for there is no policy at all.
 */

interface PolicyMaker {
  createPolicy(name: string, rules: { readonly createHTML: (text: string) => string }): unknown;
}

export function refuseMarkup(): void {
  const maker: unknown = Reflect.get(globalThis, 'trustedTypes');
  if (!canMake(maker)) return;
  maker.createPolicy('default', {
    createHTML: (text) => {
      if (text.includes('<')) throw new TypeError('Text is not made into markup in this console.');
      return text;
    },
  });
}

function canMake(value: unknown): value is PolicyMaker {
  return typeof value === 'object' && value !== null && 'createPolicy' in value;
}
