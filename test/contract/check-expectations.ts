/**
 * Every scenario of the sandbox, and what `check` says of it first. Data: check-scenarios.test.ts proves each line, and tools/faults-doc.ts
 * makes the table of docs/faults.md out of it. A scenario without an expectation here fails the test.
 *
 * What is expected is the best that can be known from outside: where the sandbox gives the same answer for two causes, as Exchange
 * does, the likelier one is expected, and only as supposed.
 */
import assert from 'node:assert/strict';
import { clientIdOf, scenarioNamed, seededMailbox } from '../../sandbox/src/scenario.ts';
import type { Protocol } from '../../src/check/observation.ts';
import type { FaultCode } from '../../src/fault/catalog.ts';
import { request } from '../../src/runtime/http.ts';
import { Secret } from '../../src/runtime/secret.ts';
import type { CheckWish } from './check-place.ts';

export interface Expected {
  /** Code of the first finding; undefined where all is well. `throws`: the configuration is refused before anything is looked at. */
  readonly first: FaultCode | undefined;
  readonly certainty?: 'supposed';
  readonly level?: 'warning';
  readonly throws?: true;
  readonly wish?: CheckWish;
  /** For the page: what a person has to change beside the scenario, where `wish` changes more than options of the command. */
  readonly also?: string;
}

const good: Expected = { first: undefined };
const over = (...protocols: readonly Protocol[]): CheckWish => ({ protocols });
const sending: CheckWish = { protocols: ['smtp'], sendTest: true };
const onImap: Expected = { first: undefined, wish: over('imap') };
const pointer: Expected = { first: 'check.pointer-wrong', certainty: 'supposed' };
const invalid: Expected = { first: 'config.invalid', throws: true };
const atMail = (first: FaultCode): Expected => ({ first, wish: sending });
const atLogin = (first: FaultCode): Expected => ({ first, wish: over('smtp') });
const withPassword = 'with a password in place of the token';
const inHurry: CheckWish = { ports: { stepTimeoutMs: 300 } };

export const expectations: Readonly<Record<string, Expected>> = {
  // By app.
  healthy: good,
  'expired-secret': { first: 'token.secret-expired' },
  'not-consented': { first: 'check.roles-none' },
  'wrong-role': { first: 'check.role-missing' },
  'throttled-token': { first: 'token.throttled' },
  'token-5xx': { first: 'token.service-unavailable' },
  'token-down': { first: 'token.service-unavailable' },
  transient: { first: 'token.service-unavailable' },
  'captive-portal': { first: 'token.answer-unreadable' },
  'token-cut': { first: 'network.connection-lost' },
  'token-silent': { first: 'network.timeout', wish: { ports: { request: (question) => request({ ...question, timeoutMs: 400 }) } } },
  'conditional-access': { first: 'token.conditional-access' },
  'disabled-app': { first: 'token.app-disabled' },
  'missing-principal': { first: 'token.service-principal-missing' },
  'public-client': { first: 'token.app-is-public' },
  'wrong-audience': { first: 'check.token-audience' },
  'no-pointer': pointer,
  'wrong-pointer': pointer,
  'pointer-too-early': { ...pointer, wish: over('imap') },
  'expired-token': { first: 'check.token-expired' },
  // To us it is a token like any other; only Exchange can know.
  'foreign-signature': pointer,
  'short-token': { first: 'check.token-short-lived', level: 'warning' },
  'delegated-token': { first: 'check.token-delegated' },
  'role-too-early': { first: 'check.roles-none' },
  'clock-skew': { first: 'token.clock-wrong' },
  'expired-certificate': { first: 'token.certificate-expired' },
  'unregistered-certificate': { first: 'token.certificate-not-registered' },
  'slow-token': good,
  'reads-apps': good,
  'reads-itself': { first: 'check.secret-ends-soon', level: 'warning' },
  federated: good,
  'federated-issuer': { first: 'token.issuer-not-trusted' },
  'federated-subject': { first: 'token.subject-not-trusted' },
  'federated-case': { first: 'token.subject-not-trusted' },
  'federated-expression': { first: 'token.subject-not-trusted' },
  'federated-audience': { first: 'token.audience-not-trusted' },
  'federated-user-token': { first: 'token.assertion-not-app-only' },
  'federated-signature': { first: 'token.assertion-malformed' },
  'federated-expired': { first: 'token.assertion-expired' },
  'federated-clock': { first: 'token.clock-wrong' },
  'managed-identity': good,
  'managed-identity-not-trusted': { first: 'token.subject-not-trusted' },
  'identity-not-found': { first: 'token.identity-not-found' },
  'identity-throttled': { first: 'token.identity-busy' },
  'identity-unusable': { first: 'token.identity-answer-unusable' },
  'identity-absent': { first: 'token.identity-endpoint-absent' },
  // The source wants IMAP; the permission for it is all that it needs.
  'imap-only': good,
  'pop-only': { first: 'check.role-missing' },
  'smtp-only': { first: 'check.role-missing' },
  'smtp-rbac': { first: undefined, wish: sending },
  // By mailbox. What concerns IMAP alone is looked at over IMAP alone.
  'imap-off': { first: 'check.protocol-off', certainty: 'supposed' },
  'no-grant': { first: 'check.grant-missing', certainty: 'supposed' },
  'grant-too-early': { first: 'check.grant-missing', certainty: 'supposed', wish: over('imap') },
  'busy-then-connected': onImap,
  'too-many-sessions': onImap,
  // EXAMINE, SEARCH, FETCH: the third is refused.
  throttled: { first: 'imap.throttled', wish: over('imap') },
  expires: onImap,
  drops: onImap,
  'empty-fetch': onImap,
  substitute: onImap,
  'late-uid': onImap,
  'repeats-last': onImap,
  'uidvalidity-changes': onImap,
  slow: onImap,
  'slow-login': onImap,
  'server-unavailable': { first: 'imap.server-unavailable', wish: over('imap') },
  'wrong-size': onImap,
  'empty-copyuid': onImap,
  localised: onImap,
  'pop-off': { first: 'check.protocol-off', certainty: 'supposed', wish: over('imap', 'pop3') },
  'pop-pipelining': { first: undefined, wish: over('pop3') },
  // One message, names and QUIT are an import's concern.
  'pop-refuses': { first: undefined, wish: over('pop3') },
  'pop-locked': { first: 'pop.mailbox-locked', wish: over('pop3') },
  'pop-same-name': { first: undefined, wish: over('pop3') },
  'pop-no-uidl': { first: undefined, wish: over('pop3') },
  'pop-cut-at-quit': { first: undefined, wish: over('pop3') },
  'smtp-off': atLogin('smtp.disabled-for-mailbox'),
  'smtp-off-tenant': atLogin('smtp.disabled-for-tenant'),
  'outside-scope': {
    first: 'check.smtp-role-missing',
    certainty: 'supposed',
    also: `with \`clientId: ${clientOf('smtp-rbac')}\`, the app of \`smtp-rbac\``,
    wish: { ...over('smtp'), yaml: (text) => text.replace(/clientId: .*/, `clientId: ${clientOf('smtp-rbac')}`) },
  },
  'smtp-criteria': atLogin('smtp.policy-refused'),
  'smtp-organization': atLogin('smtp.policy-refused'),
  'hve-bad-login': atLogin('smtp.xoauth2-malformed'),
  'hve-refused': { first: 'check.pointer-wrong', certainty: 'supposed', wish: over('smtp') },
  'hve-token-ends-soon': atLogin('smtp.token-expired'),
  'hve-token-expired': atLogin('smtp.token-expired'),
  'hve-permission': atLogin('check.role-missing'),
  'smtp-rate': { first: undefined, wish: sending },
  'smtp-blocked-mailbox-full': atMail('smtp.throttled-by-errors'),
  'smtp-blocked-send-as': atMail('smtp.throttled-by-errors'),
  'smtp-blocked-license': atMail('smtp.throttled-by-errors'),
  'smtp-blocked-many-recipients': atMail('smtp.throttled-by-errors'),
  'smtp-blocked-recipients': atMail('smtp.throttled-by-errors'),
  'smtp-thread-limit': atMail('smtp.too-many-connections'),
  'smtp-recipient-flooded': atMail('smtp.recipient-busy'),
  'smtp-quota': atMail('smtp.quota'),
  'smtp-outbound-spam': atMail('smtp.spam-blocked'),
  'smtp-mailbox-full': atMail('smtp.mailbox-full'),
  'smtp-tenant-limit': atMail('smtp.external-limit'),
  'smtp-trial-limit': atMail('smtp.external-limit'),
  'smtp-old-send-as': atMail('smtp.send-as-denied'),
  'smtp-temporary': atMail('smtp.service-unavailable'),
  'smtp-unavailable': atMail('smtp.service-unavailable'),
  'smtp-access-denied': atMail('smtp.service-unavailable'),
  'hve-external': atMail('smtp.high-volume-rule'),
  'hve-app-not-allowed': atMail('smtp.high-volume-rule'),
  'hve-mail-from': atMail('smtp.high-volume-rule'),
  'hve-header-from': atMail('smtp.high-volume-rule'),
  'hve-no-account': atMail('smtp.high-volume-rule'),
  'smtp-basic-gone': { first: 'smtp.basic-auth-off', also: withPassword, wish: byPassword('smtp', 'smtp-basic-gone@contoso.test') },
  // By what is said.
  'any-aadsts': {
    first: 'token.conditional-access',
    also: 'with `clientId: aad57500-0000-4000-8000-000000053003`, for AADSTS53003',
    wish: clientNamed('aad57500-0000-4000-8000-000000053003'),
  },
  'unknown-app': { first: 'token.app-not-found' },
  'wrong-secret': { first: 'token.secret-wrong' },
  'secret-id': { first: 'config.secret-is-an-id' },
  'unknown-tenant': { first: 'token.tenant-not-found' },
  // These the configuration does not let through.
  'no-tenant-name': invalid,
  common: invalid,
  'delegated-scope': invalid,
  'scope-without-default': invalid,
  'other-cloud': { first: 'token.wrong-cloud' },
  'wrong-resource': { first: 'token.resource-not-found' },
  'graph-scope': { first: 'check.token-audience' },
  'unknown-mailbox': { first: 'check.mailbox-closed', certainty: 'supposed', wish: unknownMailbox('imap') },
  'pop-unknown-mailbox': { first: 'check.mailbox-closed', certainty: 'supposed', wish: unknownMailbox('pop3') },
  password: { first: 'imap.authenticate-refused', also: withPassword, wish: byPassword('imap', seededMailbox) },
  'pop-password': { first: 'pop.logon-refused', also: withPassword, wish: byPassword('pop3', seededMailbox) },
  'smtp-password': { first: 'smtp.basic-auth-off', also: withPassword, wish: byPassword('smtp', seededMailbox) },
  // Mistakes of clients that Postern does not make, so a check meets nothing.
  'pop-one-line': { first: undefined, wish: over('pop3') },
  'smtp-without-tls': { first: undefined, wish: sending },
  'smtp-without-login': { first: undefined, wish: sending },
  'send-as-denied': { first: undefined, wish: sending },
  'smtp-fourth-connection': { first: undefined, wish: sending },
  // By the way there.
  'tls-intercepted': { first: 'network.certificate-not-trusted' },
  'authority-intercepted': { first: 'network.certificate-not-trusted' },
  'tls-name-mismatch': { first: 'network.certificate-wrong-host' },
  'tls-expired': { first: 'network.certificate-expired' },
  'plain-on-tls-port': { first: 'network.tls-failed' },
  'silent-server': { first: 'network.timeout', wish: inHurry },
  'authority-silent': { first: 'network.timeout', wish: inHurry },
  'unknown-host': { first: 'network.name-not-found' },
  'authority-unknown-host': { first: 'network.name-not-found' },
  'closed-port': { first: 'network.unreachable' },
};

export function clientNamed(id: string): CheckWish {
  return { yaml: (text) => text.replace(/clientId: .*/, `clientId: ${id}`) };
}

function clientOf(name: string): string {
  const scenario = scenarioNamed(name);
  return scenario?.reach === 'app' ? clientIdOf(scenario.number) : assert.fail(`${name} is no app`);
}

/** Beside one that opens, so that the comparison can be made. */
function unknownMailbox(protocol: Protocol): CheckWish {
  return { mailboxes: ['nobody@contoso.test', seededMailbox], protocols: [protocol] };
}

/** A login with a password, whatever it is; the configuration has no words for it over POP3 and SMTP. */
function byPassword(protocol: Protocol, mailbox: string): CheckWish {
  return {
    accounts: (config) => {
      const tenant = [...config.tenants.values()][0] ?? assert.fail('no tenant');
      const server = tenant.cloud[protocol] ?? assert.fail('no server');
      const password = { kind: 'env', describe: 'environment variable P', resolve: async () => new Secret('hunter2') } as const;
      const login = { kind: 'password', user: mailbox, password } as const;
      const servers = { [protocol]: { ...server, ca: tenant.ca } };
      return [{ mailbox, login, servers, wanted: [protocol], beside: [], folders: ['INBOX'], mustBeRefused: false }];
    },
  };
}
