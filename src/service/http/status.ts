/** Which HTTP status a fault of the catalogue is answered with. One table, so that the same fault never has two. */
import type { FaultCode } from '../../fault/catalog.ts';
import type { Fault } from '../../fault/fault.ts';

const statuses: { readonly [code in FaultCode]?: number } = {
  'service.bad-input': 400,
  'cli.wrong-use': 400,
  'config.invalid': 400,
  'config.secret-in-file': 400,
  'config.not-yaml': 400,
  'config.file-unusable': 400,
  'accounts.password-unfit': 400,
  'service.password-wrong': 400,
  'service.not-logged-in': 401,
  'service.login-refused': 401,
  'service.not-allowed': 403,
  'service.forged': 403,
  'service.password-first': 403,
  'service.name-not-served': 403,
  'service.not-found': 404,
  'accounts.user-unknown': 404,
  'accounts.token-unknown': 404,
  'archive.unknown-message': 404,
  'archive.unknown-conversation': 404,
  'archive.unknown-attachment': 404,
  'archive.not-derived': 404,
  'archive.ambiguous-id': 400,
  'archive.query-unreadable': 400,
  'archive.query-too-slow': 503,
  'queue.unknown': 404,
  'export.unknown': 404,
  'export.not-done': 409,
  'export.too-many': 429,
  'watch.alert-unknown': 404,
  'import.source-unknown': 404,
  'reconcile.unknown': 404,
  'reconcile.gap-unknown': 404,
  'accounts.user-exists': 409,
  'accounts.last-administrator': 409,
  'reconcile.running': 409,
  'import.other-mailbox': 409,
  'definitions.secret-wanted': 400,
  'definitions.of-file': 409,
  'definitions.name-taken': 409,
  'definitions.shadowed': 409,
  'definitions.key-not-ours': 409,
  'setup.no-graph': 409,
  'service.too-large': 413,
  'service.too-many-requests': 429,
  'service.login-wait': 429,
  'tests.too-many': 429,
  'service.broken': 500,
};

/** What has none in the table is ours to mend, or, where trying again helps, for the moment. */
export function statusOf({ code, entry }: Fault): number {
  return statuses[code] ?? (entry.retry === 'never' && !/^(journal|archive|accounts|definitions)\./.test(code) ? 500 : 503);
}
