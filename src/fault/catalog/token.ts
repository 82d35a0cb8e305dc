/**
 * Faults of the plane `token`: what stands between an app and its access token, grouped by what a person has to do.
 *
 * Meanings of the AADSTS numbers: M365 (doc), the error code reference of Entra; which number leads where stands in token/response.ts.
 */
import type { FaultEntry } from '../entry.ts';

export const tokenFaults = {
  'token.app-not-found': {
    says: 'Entra does not know this app in this tenant.',
    cause: 'AADSTS700016 or 700038: no application of that client id in that directory.',
    fix: 'Compare `clientId` with "Application (client) ID" on the overview page of the app registration (not its Object ID, not the Secret ID), and `tenantId` with "Directory (tenant) ID" there. In a foreign tenant its administrator has to consent first.',
    retry: 'never',
  },
  'token.service-principal-missing': {
    says: 'The app has no service principal in this tenant.',
    cause: 'AADSTS7000229: the registration exists, but its Enterprise application was deleted or never created here.',
    fix: 'Give admin consent again, or create it: `az ad sp create --id CLIENT_ID`. It gets a new object id, so its pointer in Exchange must be made again too.',
    retry: 'never',
  },
  'token.app-disabled': {
    says: 'The app is switched off in this tenant.',
    cause: 'AADSTS7000112: sign-in is disabled for the Enterprise application.',
    fix: 'In Entra, Enterprise applications, the app, Properties: set "Enabled for users to sign-in?" to Yes, after asking who set it to No.',
    retry: 'never',
  },
  'token.tenant-not-found': {
    says: 'There is no such tenant in this cloud.',
    cause: 'AADSTS90002, 900023, 90019 or 50128: the directory named in the address is unknown there.',
    fix: 'Set `tenantId` to "Directory (tenant) ID" from the overview page of the app registration, and `cloud` to the cloud of that portal (portal.azure.us: gcc-high or dod; portal.azure.cn: china).',
    retry: 'never',
  },
  'token.tenant-not-specific': {
    says: 'An app-only token needs one named tenant.',
    cause: 'AADSTS50194, 9001023 or 50059: the request went to a common endpoint, or named no tenant.',
    fix: 'Replace `common`, `organizations` or `consumers` in `tenantId` by the GUID of the directory.',
    retry: 'never',
  },
  'token.wrong-cloud': {
    says: 'The tenant lives in another cloud.',
    cause: 'AADSTS90038, 900382, 900432 or 50049: the authority belongs to another national cloud than the tenant or the app.',
    fix: 'Set `cloud` to that of the tenant, and use an app that was registered there: apps do not work across clouds.',
    retry: 'never',
  },
  'token.secret-wrong': {
    says: 'The client secret is not one of this app.',
    cause: 'AADSTS7000215: the text that was sent matches no secret of the app.',
    fix: 'Store the column "Value" of a secret of this very app (not "Secret ID", and not cut off or in quotes). The value is shown once: if it is gone, add a new secret. One made a minute ago may need another minute.',
    retry: 'never',
  },
  'token.secret-expired': {
    says: 'The client secret has expired.',
    cause: 'AADSTS7000222: the secret was one of this app, and its end date has passed.',
    fix: 'Add a new secret under Certificates & secrets of the app registration and store its value where the configuration refers to it; no restart is needed.',
    retry: 'never',
  },
  'token.credential-missing': {
    says: 'No credential reached Entra.',
    cause: 'AADSTS7000216 or 7000218: the request carried neither a secret nor an assertion.',
    fix: 'Look at what the reference under `credential` gives: `postern config check --secrets`.',
    retry: 'never',
  },
  'token.app-is-public': {
    says: 'The app is registered as a public client, which cannot prove itself.',
    cause: 'AADSTS700025: Entra refused any secret or assertion from a public client.',
    fix: 'In the app registration, Authentication: set "Allow public client flows" to No, or register an app of its own for Postern.',
    retry: 'never',
  },
  'token.certificate-not-registered': {
    says: 'Entra does not accept the certificate of this app.',
    cause: 'AADSTS700027: the signature does not belong to any certificate registered on the app (thumbprints in the evidence).',
    fix: 'Upload the certificate under Certificates & secrets of the app registration and compare the thumbprint shown there with the one in the evidence.',
    retry: 'never',
  },
  'token.certificate-expired': {
    says: 'The certificate of the app is outside its dates.',
    cause: 'Its own dates, or AADSTS700027 with "The key used is expired".',
    fix: 'Make a new certificate, upload it to the app registration, and let `certificate.file` and `certificate.key` point to it. If the dates look right, correct the clock of this machine.',
    retry: 'never',
  },
  'token.key-unusable': {
    says: 'The private key cannot sign for this certificate.',
    cause:
      'It is not an RSA key in PEM form, is locked by a passphrase, or belongs to another certificate (the evidence says which). Nothing was sent.',
    fix: 'Point `certificate.key` to the key that belongs to `certificate.file`; take off a passphrase with `openssl pkey -in FILE -out NEWFILE`.',
    retry: 'never',
  },
  'token.clock-wrong': {
    says: 'The signed assertion was too old or too new for Entra.',
    cause:
      'AADSTS700024: its dates do not include the time at Entra. With a certificate they come from the clock of this machine; an outside issuer writes its own.',
    fix: 'Set the clock of this machine: `timedatectl status` must say that it is synchronised. If a file gives the assertion, see that it is renewed in time.',
    retry: 'never',
  },
  'token.assertion-malformed': {
    says: 'Entra cannot read the signed assertion.',
    cause: 'AADSTS50027, 50012 or 50013: form, audience or signature of the assertion were refused.',
    fix: 'With a certificate, try `algorithm: RS256`. With an outside issuer, check that ISSUER/.well-known/openid-configuration can be read from the internet and names the keys in use.',
    retry: 'never',
  },
  'token.assertion-refused': {
    says: 'No trust is set up for this assertion.',
    cause: 'AADSTS70021 or 700030: no federated credential or subject rule of the app matches, and the answer does not say in which part.',
    fix: 'Compare issuer, subject and audience with the federated credential of the app registration, letter by letter; case and blanks count.',
    retry: 'never',
  },
  'token.issuer-not-trusted': {
    says: 'No federated credential of the app names the issuer of this assertion.',
    cause: 'AADSTS700211: the records of the app were searched for the issuer that is in the evidence.',
    fix: 'Compare `issuer` in the evidence with the record, letter by letter: https, host, path, and the slash at the end count. A record that was just made may need some minutes.',
    retry: 'never',
  },
  'token.subject-not-trusted': {
    says: 'A federated credential knows this issuer, but not this subject.',
    cause: 'AADSTS700213, 7002131, 7002137 or 7002138: no record or expression fits the `subject` that is in the evidence.',
    fix: 'Compare it with the record, letter by letter, case included: for Kubernetes system:serviceaccount:NAMESPACE:ACCOUNT, for a managed identity its object (principal) ID and not its client ID.',
    retry: 'never',
  },
  'token.audience-not-trusted': {
    says: 'The assertion was made for another audience than the federated credential names.',
    cause: 'AADSTS700212: issuer and subject were found, the `audience` in the evidence was not.',
    fix: 'Let the issuer write the audience of the record, as a rule api://AzureADTokenExchange: in Kubernetes `audience:` of the projected service account token. US Government and China have names of their own.',
    retry: 'never',
  },
  'token.assertion-not-app-only': {
    says: 'The assertion is the token of a person.',
    cause: 'AADSTS700229: only tokens that an app or a workload got for itself may serve as federated credential.',
    fix: 'Let the reference under `assertion` give the token of the workload, not one from a sign-in (`az account get-access-token` of a user gives such a one).',
    retry: 'never',
  },
  'token.assertion-not-jwt': {
    says: 'What should be an assertion is no JSON Web Token.',
    cause: 'It has not the three parts of a signed JWT, or the middle one cannot be read. Nothing was sent, and its text is not shown.',
    fix: 'Let `assertion` under `credential` point to the token itself, alone in its file: in Kubernetes the path in AZURE_FEDERATED_TOKEN_FILE.',
    retry: 'never',
  },
  'token.assertion-expired': {
    says: 'The assertion has ended and was not renewed.',
    cause: 'Its `exp` lies before the time of this machine (both in the evidence). Nothing was sent.',
    fix: 'See why nobody writes a new one: in Kubernetes the volume must be a projected service account token and mounted without `subPath`. If the dates look right, check the clock with `timedatectl status`.',
    retry: 'never',
  },
  'token.identity-endpoint-absent': {
    says: 'There is no managed identity endpoint here.',
    cause: 'Nobody answered at the local address in the evidence, which only machines on Azure have.',
    fix: 'Run Postern on an Azure virtual machine, in App Service or in Container Apps, or use another `credential`. In Kubernetes use `assertion: { file: PATH }` with the path in AZURE_FEDERATED_TOKEN_FILE. In a container, check that it may reach that address.',
    retry: 'never',
  },
  'token.identity-not-found': {
    says: 'This machine has no managed identity that fits.',
    cause:
      'The local endpoint knows no identity of that client id, has none at all, or has several and was not told which (its words are in the evidence).',
    fix: 'Assign the user-assigned identity to the machine (Identity, User assigned) and write its Client ID into `managedIdentity.clientId`: `az vm identity show --resource-group GROUP --name MACHINE`.',
    retry: 'never',
  },
  'token.identity-busy': {
    says: 'The managed identity endpoint asks to wait.',
    cause: 'It answered 404, 410, 429 or 5xx, as it does when it is asked too often or is being renewed.',
    fix: 'Nothing, it is tried again. If it stays, look for other programs on this machine that ask without keeping their tokens.',
    retry: 'soon',
  },
  'token.identity-answer-unusable': {
    says: 'What the managed identity endpoint answered is no token.',
    cause: 'A refusal without a known meaning, or an answer without `access_token`; status, type and words are in the evidence.',
    fix: 'Ask it by hand: `curl -H Metadata:true "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api://AzureADTokenExchange"`. A proxy must not stand in between: check `managedIdentity.endpoint`.',
    retry: 'never',
  },
  'token.scope-wrong': {
    says: 'The scope is not one that an app can ask for.',
    cause: 'AADSTS70011, 1002012, 70022, 28002 or 28003: not one resource with `/.default` behind it.',
    fix: 'Remove `scope` from the tenant to use that of its cloud (global: https://outlook.office365.com/.default).',
    retry: 'never',
  },
  'token.resource-not-found': {
    says: 'The tenant does not offer what the token is for.',
    cause: 'AADSTS500011, 650052, 650057 or 50001: the resource in the scope is unknown, not subscribed or switched off in this tenant.',
    fix: 'Check `scope` for a typing error and for the right cloud. If it is right, the tenant has no Exchange Online, or the app lacks the permission IMAP.AccessAsApp of "Office 365 Exchange Online" with admin consent.',
    retry: 'never',
  },
  'token.conditional-access': {
    says: 'Conditional Access keeps the app from getting a token.',
    cause: 'AADSTS53003, 53011 or 530032: a policy for workload identities refused it, by place or by risk.',
    fix: 'In the sign-in logs (service principal sign-ins) of Entra, look up the correlation id to see the policy; run Postern from an allowed address or exclude the app.',
    retry: 'never',
  },
  'token.not-app-only': {
    says: 'The request is for a person, and no person signs in here.',
    cause: 'AADSTS700082 or 50034 is about a refresh token or a user account; app-only access has neither.',
    fix: 'Report it with the evidence, and check what stands between Postern and the authority: something rewrote the request.',
    retry: 'never',
  },
  'token.request-malformed': {
    says: 'Entra did not understand the request.',
    cause: 'AADSTS90013, 90014, 900144, 9002313 or 900561: a field is missing or malformed.',
    fix: 'This is most likely a fault of Postern, or a proxy changed the request: report it with the evidence.',
    retry: 'never',
  },
  'token.asked-too-often': {
    says: 'Entra saw the same request again and again and stopped it.',
    cause: 'AADSTS50196: a loop was detected for this app.',
    fix: 'Look for another program that uses the same app, and for many starts of Postern in a row; wait some minutes.',
    retry: 'after-wait',
  },
  'token.throttled': {
    says: 'Entra asks to wait.',
    cause: 'HTTP 429: this app or this address asked too often. The wait that was asked for is in the evidence.',
    fix: 'Nothing, it is tried again after the wait. If it stays, look for another program that uses the same app.',
    retry: 'after-wait',
  },
  'token.service-unavailable': {
    says: 'Entra has a passing trouble.',
    cause: 'An HTTP 5xx, or an answer that calls itself temporary (AADSTS90055, 90006, 90012, 90024, 90033, 90090, 50000 or 50033).',
    fix: 'Nothing, it is tried again. If it stays for an hour, look at the service health of Microsoft 365.',
    retry: 'soon',
  },
  'token.answer-unreadable': {
    says: 'What answered is not a token endpoint.',
    cause: 'The answer was no JSON, or had no access token in it where success was claimed; status and content type are in the evidence.',
    fix: 'Check `cloud` and `authority`, and whether a proxy or a login page of the network answers instead: `curl -v https://AUTHORITY/`.',
    retry: 'never',
  },
  'token.unknown-answer': {
    says: 'Entra refused the token for a reason that Postern does not know.',
    cause: 'The error of the answer is in the evidence as it came; its number is not in the catalogue.',
    fix: 'Look the number up at https://login.microsoftonline.com/error?code=NUMBER and tell us, so that the next version knows it.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
