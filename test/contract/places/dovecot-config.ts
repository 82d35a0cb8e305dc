/**
 * The files that make a Dovecot 2.3 a peer for us: XOAUTH2 checked against a signing key by itself, all in one folder, loopback only.
 *
 * Each setting that looks strange has its reason beside it; they were found by trying.
 */
export interface Ports {
  /** Plain text, with STARTTLS. */
  readonly imap: number;
  readonly imaps: number;
  /** Plain text, with STLS. */
  readonly pop3: number;
  readonly pop3s: number;
  /** With STARTTLS. Without a `relayPort` nothing behind it takes a mail: for logins only. */
  readonly submission: number;
}

export interface DovecotSetup {
  /** The server's certificate (with its chain, if it has one) and key, PEM. It has to be for `localhost`. */
  readonly tls: { readonly certificatePem: string; readonly keyPem: string };
  /** Whose tokens open the mailboxes: RS256, with `iss` as here, `kid` in the header, and the claims `appid` and `sub`. */
  readonly signer?: { readonly issuer: string; readonly kid: string; readonly publicKeyPem: string };
  /** Mailboxes that no token opens. */
  readonly denied?: readonly string[];
  /** Mailboxes that open with a password and AUTH=PLAIN, by name: for clients that have no XOAUTH2. Without it PLAIN is not offered. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** Where submission hands mail on: an SMTP server on this machine, without TLS or login. */
  readonly relayPort?: number;
}

/** The contents of the files, by name under `folder`. */
export function dovecotFiles(folder: string, ports: Ports, setup: DovecotSetup): Readonly<Record<string, string>> {
  const { signer, denied = [], passwords } = setup;
  const files: Record<string, string> = {
    'dovecot.conf': mainFile(folder, ports, {
      withTokens: signer !== undefined,
      withPasswords: passwords !== undefined,
      relayPort: setup.relayPort,
    }),
    'tls/certificate.pem': setup.tls.certificatePem,
    'tls/key.pem': setup.tls.keyPem,
    denied: denied.map((mailbox) => `${mailbox.toLowerCase()}:\n`).join(''),
  };
  if (signer !== undefined) {
    files['oauth2.ext'] = oauth2File(folder, signer.issuer);
    // The path is <azp claim, or "default">/<algorithm>/<kid>.
    files[`keys/default/RS256/${signer.kid}`] = signer.publicKeyPem;
  }
  if (passwords !== undefined) {
    files['passwords'] = Object.entries(passwords)
      .map(([mailbox, password]) => `${mailbox.toLowerCase()}:{PLAIN}${password}\n`)
      .join('');
  }
  return files;
}

/** `username_format` without a variable makes the name that Dovecot compares a constant: app-only tokens name no mailbox. */
function oauth2File(folder: string, issuer: string): string {
  return `introspection_mode = local
local_validation_key_dict = fs:posix:prefix=${folder}/keys/
issuers = ${issuer}
username_attribute = appid
username_format = app
`;
}

function mainFile(
  folder: string,
  ports: Ports,
  {
    withTokens,
    withPasswords,
    relayPort,
  }: { readonly withTokens: boolean; readonly withPasswords: boolean; readonly relayPort: number | undefined },
): string {
  const mechanisms = [withTokens ? 'xoauth2' : '', withPasswords ? 'plain login' : ''].filter((word) => word !== '').join(' ');
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
listen = 127.0.0.1
protocols = imap pop3 submission
ssl = yes
ssl_cert = <${folder}/tls/certificate.pem
ssl_key = <${folder}/tls/key.pem
disable_plaintext_auth = no
# OAUTHBEARER is left out: clients would prefer it, and Exchange has none.
auth_mechanisms = ${mechanisms}
# Says in the log why a token was refused.
auth_verbose = yes
auth_failure_delay = 0
mail_location = maildir:${folder}/mail/%u/Maildir
# Debian's user mail has uid 8, which is below what Dovecot lets in by default.
first_valid_uid = 1
mail_max_userip_connections = 200

passdb {
  driver = passwd-file
  deny = yes
  args = ${folder}/denied
}
${withPasswords ? block(`passdb {\n  driver = passwd-file\n  mechanisms = plain login\n  args = ${folder}/passwords\n}`) : ''}\
${withTokens ? block(`passdb {\n  driver = oauth2\n  mechanisms = xoauth2\n  args = ${folder}/oauth2.ext\n}`) : ''}\
userdb {
  driver = static
  args = uid=mail gid=mail home=${folder}/mail/%u
}
namespace inbox {
  inbox = yes
  # As Exchange has it.
  separator = /
}
# Without it each refused login from an address is answered later than the one before: 1, 4, 8 … s.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  # A process for many logins: one each would be started anew every time.
  service_count = 0
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
    ssl = yes
  }
}
service pop3-login {
  service_count = 0
  inet_listener pop3 {
    port = ${ports.pop3}
  }
  inet_listener pop3s {
    port = ${ports.pop3s}
    ssl = yes
  }
}
service submission-login {
  inet_listener submission {
    port = ${ports.submission}
  }
}
submission_relay_host = 127.0.0.1
# The discard port: nobody is there.
submission_relay_port = ${relayPort ?? 9}
`;
}

function block(text: string): string {
  return `${text}\n`;
}
