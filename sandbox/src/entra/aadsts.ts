/**
 * Entra's refusals: number, OAuth error, HTTP status and text.
 *
 * The hard thing is honesty about the texts: those marked `recorded` are as found in public logs, the others only have the right number,
 * error and status, and a sentence of ours.
 */

import { randomUUID } from 'node:crypto';

export interface Refusal {
  readonly error: string;
  /** 400 unless it says otherwise. */
  readonly status?: 400 | 401 | 503;
  /** Text with `{name}` places. */
  readonly text: string;
  readonly text_is: 'recorded' | 'assumed';
  readonly suberror?: string;
}

const recorded = (error: string, text: string, status: 400 | 401 = error === 'invalid_client' ? 401 : 400): Refusal => ({
  error,
  status,
  text,
  text_is: 'recorded',
});
const assumed = (error: string, text: string, status: 400 | 401 | 503 = error === 'invalid_client' ? 401 : 400): Refusal => ({
  error,
  status,
  text,
  text_is: 'assumed',
});

/** M365 (doc): error and meaning from Microsoft's table of AADSTS codes. */
export const refusals = {
  28002: assumed('invalid_scope', "Provided value for the input parameter scope '{scope}' is not valid when requesting an access token."),
  28003: assumed('invalid_scope', "Provided value for the input parameter 'scope' can't be empty when requesting an access token."),
  50000: assumed('server_error', 'There was an error issuing a token or an issue with our sign-in service.', 503),
  50001: assumed('invalid_resource', "The resource '{scope}' is disabled or does not exist."),
  50012: assumed('invalid_client', 'Authentication failed: the client assertion could not be used.'),
  50013: assumed('invalid_grant', 'Assertion failed signature validation.'),
  50027: assumed('invalid_client', 'JWT token is invalid or malformed.'),
  50033: assumed('server_error', 'A transient error occurred. Please try again.', 503),
  50034: assumed(
    'invalid_grant',
    'The user account does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.',
  ),
  50049: assumed('invalid_request', 'Unknown or invalid instance.'),
  50059: assumed(
    'invalid_request',
    'No tenant-identifying information found in either the request or implied by any provided credentials.',
  ),
  50128: assumed(
    'invalid_request',
    'Invalid domain name - No tenant-identifying information found in either the request or implied by any provided credentials.',
  ),
  50194: assumed(
    'invalid_request',
    "Application '{client}'({name}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps.",
  ),
  50196: assumed(
    'invalid_grant',
    'The server terminated an operation because it encountered a client request loop. Please contact your app vendor.',
  ),
  53003: {
    ...recorded(
      'invalid_grant',
      'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    ),
    suberror: 'message_only',
  },
  53011: assumed('invalid_grant', 'User blocked due to risk on home tenant.'),
  530032: assumed('invalid_grant', 'Blocked by Conditional Access on the security policy.'),
  70003: assumed('unsupported_grant_type', "The app requested an unsupported grant type '{grant}'."),
  70011: recorded('invalid_scope', "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."),
  70021: recorded(
    'invalid_request',
    "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'.",
  ),
  70022: assumed('invalid_scope', "The provided value for the input parameter 'scope' is not valid: it names more than one resource."),
  90002: recorded(
    'invalid_request',
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  ),
  90006: assumed('server_error', 'The service has encountered an internal error. Please try again.', 503),
  90012: assumed('temporarily_unavailable', 'The request has timed out.', 503),
  90013: assumed('invalid_request', 'Invalid input received from the user.'),
  90014: assumed('invalid_request', "The required field '{field}' is missing from the credential."),
  90019: assumed(
    'invalid_request',
    'No tenant-identifying information found in either the request or implied by any provided credentials.',
  ),
  90024: assumed('temporarily_unavailable', 'The request budget was exceeded: a transient error has occurred. Please try again.', 503),
  90033: assumed('temporarily_unavailable', 'A transient error has occurred. Please try again.', 503),
  90038: assumed('invalid_request', "Tenant '{tenant}' request is being redirected to the national cloud '{cloud}'."),
  90055: assumed('temporarily_unavailable', 'The request was throttled because of too many requests.', 503),
  90090: assumed('server_error', 'There was a transient error during authentication. Please try again.', 503),
  500011: recorded(
    'invalid_resource',
    'The resource principal named {scope} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.',
  ),
  650052: assumed('invalid_client', 'The app is trying to access a service that your organization lacks a service principal for.', 400),
  650057: assumed(
    'invalid_resource',
    "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
  ),
  700016: recorded(
    'unauthorized_client',
    "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  ),
  700024: recorded('invalid_client', 'Client assertion is not within its valid time range.'),
  700025: recorded('invalid_client', "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
  700027: recorded(
    'invalid_client',
    "Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}'{found}]",
  ),
  700030: assumed('invalid_client', 'Invalid certificate - subject name in certificate is not authorized.'),
  700038: assumed('invalid_request', '{client} is not a valid application identifier.'),
  700082: assumed('invalid_grant', 'The refresh token has expired due to inactivity.'),
  700211: recorded(
    'invalid_client',
    "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
  ),
  700212: assumed('invalid_client', "No matching federated identity record found for presented assertion audience '{audience}'."),
  700213: recorded(
    'invalid_client',
    "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
  ),
  700229: assumed('invalid_client', 'Only app-only tokens can be used as federated identity credentials.'),
  900023: recorded('invalid_request', "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."),
  900144: assumed('invalid_request', "The request body must contain the following parameter: '{field}'."),
  900382: assumed('invalid_request', 'Confidential client is not supported in cross cloud requests.'),
  900432: assumed('invalid_request', 'Confidential client is not supported in cross cloud requests.'),
  900561: assumed('invalid_request', 'The endpoint only accepts POST requests. Received a {method} request.'),
  1002012: recorded(
    'invalid_scope',
    'The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).',
  ),
  7000112: recorded('unauthorized_client', "Application '{client}'({name}) is disabled."),
  7000215: recorded(
    'invalid_client',
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'.",
  ),
  7000216: recorded(
    'invalid_client',
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  ),
  7000218: assumed('invalid_client', "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
  7000222: recorded(
    'invalid_client',
    "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  ),
  7000229: recorded(
    'invalid_client',
    'The client application {client} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119',
  ),
  7002131: assumed(
    'invalid_client',
    "No matching federated identity record found for presented assertion: the subject '{subject}' does not match the expression.",
  ),
  7002137: recorded(
    'invalid_client',
    "No matching federated identity record found for presented assertion subject '{subject}'. Please make sure the federated identity credential Subject is '{subject}'.",
  ),
  7002138: recorded(
    'invalid_client',
    "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  ),
  9001023: assumed(
    'invalid_request',
    "The grant type '{grant}' is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
  ),
  9002313: assumed('invalid_request', 'Invalid request. Request is malformed or invalid.'),
} as const satisfies Record<number, Refusal>;

export type AadstsNumber = keyof typeof refusals;

export function isAadsts(number: number): number is AadstsNumber {
  return Object.hasOwn(refusals, number);
}

/** What the endpoint sends: always a whole answer, so that nobody downstream adds to it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store, no-cache', pragma: 'no-cache', ...headers },
    body: JSON.stringify(body),
  };
}

/** Builds the refusal's answer. M365 (doc): shape of the error reply, with trace id, correlation id and timestamp in the text too. */
export function refuse(
  number: AadstsNumber,
  values: Readonly<Record<string, string>>,
  now: Date,
  correlationId: string = randomUUID(),
): Answer {
  const refusal: Refusal = refusals[number];
  const text = refusal.text.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '');
  const timestamp = now.toISOString().replace('T', ' ').replace(/\.\d+/, '');
  const traceId = randomUUID();
  return jsonAnswer(
    refusal.status ?? 400,
    {
      error: refusal.error,
      error_description: `AADSTS${number}: ${text} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [number],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${number}`,
      ...(refusal.suberror
        ? {
            suberror: refusal.suberror,
            claims: '{"access_token":{"capolids":{"essential":true,"values":["00000000-0000-4000-8000-0000000000ca"]}}}',
          }
        : {}),
    },
    { 'x-ms-request-id': traceId },
  );
}
