/** The shapes of Microsoft's identifiers and of mail addresses. They tell what something cannot be, never that it exists. */

/** Whether the text has the shape of a GUID: ids of tenants, apps, objects, and of secrets (but never a secret's value). */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** Whether the text is a DNS name of at least two labels. RFC 1123 §2.1. */
export function isDomain(text: string): boolean {
  if (text.length > 253 || !text.includes('.')) return false;
  return text.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}

/**
 * Whether the text can name one tenant at the token endpoint: a GUID or a verified domain.
 * M365 (doc): `common`, `organizations` and `consumers` do not suit app-only access; none of them is a DNS name of two labels.
 */
export function isTenantId(text: string): boolean {
  return isGuid(text) || isDomain(text);
}

/** Whether the text has the shape `local@domain`, without blanks or control characters. Not a judge of RFC 5321's finer points. */
export function isAddress(text: string): boolean {
  return text.length <= 320 && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(text);
}

/** Whether the host is this machine itself: `localhost`, `127.0.0.0/8` or `::1`. Names are not resolved. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
