/** Faults of `postern serve`: what its HTTP API answers, and what keeps it from listening. */
import type { FaultEntry } from '../entry.ts';

export const serviceFaults = {
  'service.not-logged-in': {
    says: 'Nobody is logged in.',
    cause: 'The request brought neither the cookie of a session that is good still nor an API token.',
    fix: 'Log in again; a program sends `Authorization: Bearer pst_…` with a token that is not revoked or expired.',
    retry: 'never',
  },
  'service.login-refused': {
    says: 'User name or password is wrong.',
    cause: 'The two do not belong together, or the user is disabled; which of these it is stays untold.',
    fix: 'Try again. A forgotten password is set by an administrator on the page Users, or on the machine with `postern user password NAME`.',
    retry: 'never',
  },
  'service.password-wrong': {
    says: 'The current password is not right.',
    cause: 'What was given as the current password does not belong to the user who is logged in.',
    fix: 'Type the current one again; a forgotten one is set by an administrator, or on the machine with `postern user password NAME`.',
    retry: 'never',
  },
  'service.login-wait': {
    says: 'Too many wrong passwords were tried; logins are refused for a while.',
    cause: 'The user, or the address that the request comes from, has reached its bound (seconds to go are in the evidence).',
    fix: 'Wait for as long as it says; it ends by itself. If it was not you, see who in the access log.',
    retry: 'after-wait',
  },
  'service.password-first': {
    says: 'The first password has to be changed before anything else.',
    cause: 'It was printed, or given by somebody else, so more than one person may know it.',
    fix: 'Choose a new one in the console.',
    retry: 'never',
  },
  'service.not-allowed': {
    says: 'Your role does not permit this.',
    cause: 'What it needs is more than the role in the evidence may do.',
    fix: 'Ask an administrator to do it, or to give you another role on the page Users.',
    retry: 'never',
  },
  'service.forged': {
    says: 'This request does not come from the console itself.',
    cause: 'Its `x-postern-csrf` is missing or not that of the session, or the browser says that another site has sent it.',
    fix: 'Reload the console and repeat it. A program uses an API token, which needs no such header. Behind a proxy: does it hand on `Host`, and does `service.names` hold that name?',
    retry: 'never',
  },
  'service.name-not-served': {
    says: 'The console is not served under this name.',
    cause: 'The `Host` of the request is no name of this machine, of the certificate, or of `service.names`.',
    fix: 'Open it by one of these names, or add the one that you use to `service.names` in the configuration.',
    retry: 'never',
  },
  'service.bad-input': {
    says: 'What was sent does not have the expected form.',
    cause: 'One or more of its fields are missing, unknown, or not what they have to be; each is named in `fields`.',
    fix: 'Correct the fields that are named; the API is described in /api/v1/openapi.json.',
    retry: 'never',
  },
  'service.not-found': {
    says: 'There is nothing at this address.',
    cause: 'The API knows no such path, or what it named is gone.',
    fix: 'Look the paths up in /api/v1/openapi.json, or go back to the list and choose again.',
    retry: 'never',
  },
  'service.too-large': {
    says: 'What was sent is too large.',
    cause: 'The body has more bytes than this address takes.',
    fix: 'Send less at once.',
    retry: 'never',
  },
  'service.too-many-requests': {
    says: 'Too many requests in a short time.',
    cause: 'This address, user or token has used up what a minute allows (seconds to go are in the evidence).',
    fix: 'Wait for as long as `Retry-After` says; a program should ask more slowly.',
    retry: 'after-wait',
  },
  'service.ending': {
    says: 'The service is ending.',
    cause: 'It was told to stop, and finishes what is in hand.',
    fix: 'Try again when it has been started anew.',
    retry: 'soon',
  },
  'service.broken': {
    says: 'Something went wrong that is a mistake of ours.',
    cause: 'The request met a bug; what is known of it stands in the log of the service under the number in the evidence.',
    fix: 'Report it with the lines of the log that bear this number.',
    retry: 'soon',
  },
  'service.listen-refused': {
    says: 'The console is not served to other machines without encryption.',
    cause: 'The address in the evidence is none of this machine alone, and there is neither a certificate nor a proxy that has one.',
    fix: 'Give `service.tls` with certificate and key; or name the address of the proxy in front that does TLS in `service.behindProxy`; or listen on 127.0.0.1.',
    retry: 'never',
  },
  'service.listen-failed': {
    says: 'The address of the console cannot be listened on.',
    cause: 'The system refused it with the error in the evidence: EADDRINUSE means that another process listens there.',
    fix: 'End the other one, or choose another port in `service.listen`.',
    retry: 'never',
  },
  'service.tls-unusable': {
    says: 'Certificate and key of the console cannot be used.',
    cause: 'A file could not be read, is no PEM, or the two do not belong together (what was seen is in the evidence).',
    fix: 'Check both with `openssl x509 -in FILE -noout -text` and `openssl pkey -in FILE -check`, and put right `service.tls`. A service that runs goes on with the old ones.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
