/**
 * The headers of every answer: what a browser may do with it.
 *
 * The hard thing is that the console shows what strangers have written. So its own policy lets nothing in but its own files, and what is
 * shown of a mail comes with a policy of its own under which nothing runs and nothing is loaded, even if the frame around it were forgotten.
 */

type Headers = Readonly<Record<string, string>>;

/** For every answer, before anything else is known of it. @param staysSecure whether the browser may never come here without TLS again */
export function commonHeaders(staysSecure: boolean): Headers {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'permissions-policy':
      'accelerometer=(), autoplay=(), camera=(), display-capture=(), fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), browsing-topics=()',
    'content-security-policy': nothing,
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex, nofollow',
    'x-permitted-cross-domain-policies': 'none',
    ...(staysSecure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Of the console's page. `nonce` is for the style tags that the component library makes. */
export function consolePolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-src 'self'",
    "manifest-src 'self'",
    "worker-src 'none'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    // The console's one policy lets no text become markup (console/src/trusted-text.ts).
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; ');
}

/** Of a mail's HTML in its frame: a document without an origin, in which no script, form, link or request works. */
export const framedHeaders: Headers = {
  'content-security-policy':
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  'x-frame-options': 'SAMEORIGIN',
};

/** Of a file to save: were it shown after all, it could do nothing. */
export const downloadHeaders: Headers = {
  'content-security-policy': `sandbox; ${nothing}`,
  'x-download-options': 'noopen',
};
