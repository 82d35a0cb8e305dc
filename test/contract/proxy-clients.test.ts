/**
 * Real clients of Debian through the proxy, each with nothing but a user name and a password, before two servers that take nothing but
 * XOAUTH2: the sandbox, and Dovecot.
 *
 * Each reads every message and is held to its bytes, as far as it keeps them: some add a header of their own or change line ends, which is
 * taken off again.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type PeerName, peerProgram, unlessDovecot, unlessPeers } from './places/peers.ts';
import { runProgram } from './program.ts';
import { type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const listeners = `
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    imaps: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }
    imap-starttls: { protocol: imap, listen: "127.0.0.1:0", tls: starttls }
    pop3: { protocol: pop3, listen: "127.0.0.1:0" }
    pop3s: { protocol: pop3, listen: "127.0.0.1:0", tls: implicit }
    pop3-starttls: { protocol: pop3, listen: "127.0.0.1:0", tls: starttls }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
    smtps: { protocol: smtp, listen: "127.0.0.1:0", tls: implicit }
    smtp-starttls: { protocol: smtp, listen: "127.0.0.1:0", tls: starttls }`;

const count = 12;
/** Bodies with dots at the begin of lines, 8-bit letters and a long line; each knows its number. */
const messages = Array.from(
  { length: count },
  (_, index) =>
    `From: a@contoso.test\r\nTo: b@contoso.test\r\nSubject: number ${index}\r\nMessage-ID: <${index}@contoso.test>\r\n\r\nnumber ${index}\r\n.\r\n..\r\n\xe4\xf6 ${'x'.repeat(index * 100)}\r\nend\r\n`,
);

interface Fetcher {
  readonly peer: PeerName;
  readonly protocol: 'imap' | 'pop3';
  readonly listener: string;
  /** Fetches all messages of the mailbox into `folder`. @returns the messages as it has them */
  fetch(box: Box): Promise<readonly string[]>;
}

interface Box {
  readonly place: ProxyPlace;
  readonly folder: string;
  readonly user: string;
  readonly password: string;
  readonly port: number;
  readonly ca: string;
}

const fetchers: Readonly<Record<string, Fetcher>> = {
  'mbsync over TLS': { peer: 'mbsync', protocol: 'imap', listener: 'imaps', fetch: (box) => mbsync(box, 'IMAPS') },
  'mbsync over STARTTLS': { peer: 'mbsync', protocol: 'imap', listener: 'imap-starttls', fetch: (box) => mbsync(box, 'STARTTLS') },
  'mbsync in plain text on this machine': { peer: 'mbsync', protocol: 'imap', listener: 'imap', fetch: (box) => mbsync(box, 'None') },
  'getmail6 over IMAP': { peer: 'getmail', protocol: 'imap', listener: 'imaps', fetch: (box) => getmail(box, 'SimpleIMAPSSLRetriever') },
  'getmail6 over POP3': { peer: 'getmail', protocol: 'pop3', listener: 'pop3s', fetch: (box) => getmail(box, 'SimplePOP3SSLRetriever') },
  'fetchmail over IMAP': { peer: 'fetchmail', protocol: 'imap', listener: 'imaps', fetch: (box) => fetchmail(box, 'imap', true) },
  'fetchmail over POP3 with STLS': {
    peer: 'fetchmail',
    protocol: 'pop3',
    listener: 'pop3-starttls',
    fetch: (box) => fetchmail(box, 'pop3', false),
  },
  'curl over IMAP': { peer: 'curl', protocol: 'imap', listener: 'imaps', fetch: (box) => curl(box, 'imaps', []) },
  'curl over IMAP with STARTTLS': {
    peer: 'curl',
    protocol: 'imap',
    listener: 'imap-starttls',
    fetch: (box) => curl(box, 'imap', ['--ssl-reqd']),
  },
  'curl over POP3': { peer: 'curl', protocol: 'pop3', listener: 'pop3', fetch: (box) => curl(box, 'pop3', []) },
  'curl over POP3 with AUTH PLAIN at once': {
    peer: 'curl',
    protocol: 'pop3',
    listener: 'pop3s',
    fetch: (box) => curl(box, 'pop3s', ['--login-options', 'AUTH=PLAIN', '--sasl-ir']),
  },
  'mpop over TLS': { peer: 'mpop', protocol: 'pop3', listener: 'pop3s', fetch: (box) => mpop(box, 'off') },
  'mpop over STLS': { peer: 'mpop', protocol: 'pop3', listener: 'pop3-starttls', fetch: (box) => mpop(box, 'on') },
};

for (const behind of ['sandbox', 'dovecot'] as const) {
  const without = behind === 'dovecot' ? unlessDovecot('openssl') : unlessPeers('openssl');
  suite(`before ${behind}`, { skip: without }, () => {
    let place: ProxyPlace;
    let password: string;
    let made = 0;
    before(async () => {
      place = await startProxyPlace({ behind, tls: true, listeners });
      password = await place.client({ name: 'reader' });
    });
    after(() => place.close());

    for (const [name, fetcher] of Object.entries(fetchers)) {
      test(`${name} fetches every message through the proxy`, { skip: unlessPeers(fetcher.peer) }, async () => {
        made += 1;
        const user = `reader${made}@contoso.test`;
        place.mailbox(user);
        place.deliver(user, messages);
        const folder = join(place.folder, `client${made}`);
        mkdirSync(folder, { mode: 0o700 });
        const fetched = await fetcher.fetch({
          place,
          folder,
          user,
          password,
          port: place.port(fetcher.listener),
          ca: place.certificateFile,
        });
        assert.deepEqual(fetched.map(bodyOf).sort(), messages.map(bodyOf).sort());
        const opened = place.audit().filter((row) => row['event'] === 'opened' && row['mailbox'] === user);
        assert.ok(opened.length > 0 && opened.every((row) => row['client'] === 'reader' && row['protocol'] === fetcher.protocol));
      });
    }
  });
}

/** What every one of them keeps: the body, with line ends as they were. */
function bodyOf(message: string): string {
  const text = message.replace(/\r?\n/g, '\r\n');
  return text.slice(text.indexOf('\r\n\r\n') + 4).replace(/(?:\r\n)+$/, '\r\n');
}

function filesOf(folder: string): readonly string[] {
  return ['new', 'cur'].flatMap((part) => readdirSync(join(folder, part)).map((name) => readFileSync(join(folder, part, name), 'latin1')));
}

function makeMaildir(folder: string): string {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, 'mail', part), { recursive: true });
  return join(folder, 'mail');
}

async function mbsync({ folder, user, password, port, ca }: Box, type: 'IMAPS' | 'STARTTLS' | 'None'): Promise<readonly string[]> {
  const rc = join(folder, 'mbsyncrc');
  const trust = type === 'None' ? 'AuthMechs LOGIN' : `CertificateFile ${ca}\nSystemCertificates no`;
  writeFileSync(
    rc,
    `IMAPAccount a\nHost localhost\nPort ${port}\nUser ${user}\nPass ${password}\nSSLType ${type}\n${trust}\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nInbox ${folder}/INBOX\n\nChannel c\nFar :far:INBOX\nNear :near:INBOX\nSync Pull\nCreate Near\nSyncState *\n`,
    { mode: 0o600 },
  );
  const { code, talk } = await runProgram(peerProgram('mbsync'), ['-c', rc, '-a']);
  assert.equal(code, 0, talk);
  return filesOf(join(folder, 'INBOX'));
}

async function getmail({ folder, user, password, port, ca }: Box, type: string): Promise<readonly string[]> {
  const mail = makeMaildir(folder);
  const folders = type.includes('IMAP') ? 'mailboxes = ("INBOX",)\n' : '';
  writeFileSync(
    join(folder, 'getmailrc'),
    `[retriever]\ntype = ${type}\nserver = localhost\nport = ${port}\nusername = ${user}\npassword = ${password}\n${folders}ca_certs = ${ca}\n[destination]\ntype = MDA_external\npath = ${keeper(folder, mail)}\nallow_root_commands = true\n[options]\nread_all = true\ndelete = false\ndelivered_to = false\nreceived = false\n`,
    { mode: 0o600 },
  );
  const { code, talk } = await runProgram(peerProgram('getmail'), ['--getmaildir', folder, '--rcfile', 'getmailrc']);
  assert.equal(code, 0, talk);
  return filesOf(mail);
}

/**
 * A program that keeps each message that it is given. It ends when whoever started it sleeps: getmail misses the end of a program that
 * comes before it has begun to wait for it, and then waits for a minute and gives up.
 */
function keeper(folder: string, mail: string): string {
  const keep = join(folder, 'keep');
  const untilAwaited = 'while [ -r "/proc/$PPID/stat" ] && ! grep -q ") S " "/proc/$PPID/stat"; do :; done';
  writeFileSync(keep, `#!/bin/sh\ncat > "$(mktemp ${mail}/new/XXXXXXXX)" || exit 1\n${untilAwaited}\n`, { mode: 0o700 });
  return keep;
}

async function fetchmail(
  { folder, user, password, port, ca }: Box,
  protocol: 'imap' | 'pop3',
  implicit: boolean,
): Promise<readonly string[]> {
  const mail = makeMaildir(folder);
  writeFileSync(
    join(folder, 'fetchmailrc'),
    `poll localhost service ${port} protocol ${protocol} user "${user}" password "${password}" ${implicit ? 'ssl' : "sslproto 'tls1.2+'"} sslcertck sslcertfile ${ca} mda "${keeper(folder, mail)}" keep fetchall no rewrite\n`,
    { mode: 0o600 },
  );
  const env = { FETCHMAILHOME: folder, HOME: folder };
  const { code, talk } = await runProgram(peerProgram('fetchmail'), ['-f', join(folder, 'fetchmailrc'), '--invisible', '-v'], { env });
  assert.equal(code, 0, talk);
  return filesOf(mail);
}

async function curl({ folder, user, password, port, ca }: Box, scheme: string, more: readonly string[]): Promise<readonly string[]> {
  const config = join(folder, 'curlrc');
  writeFileSync(config, `user = "${user}:${password}"\ncacert = "${ca}"\nsilent\nshow-error\n`, { mode: 0o600 });
  const path = (number: number): string => (scheme.startsWith('imap') ? `INBOX;MAILINDEX=${number}` : String(number));
  return await Promise.all(
    messages.slice(0, 3).map(async (_, index) => {
      const { code, out, talk } = await runProgram(peerProgram('curl'), [
        '-K',
        config,
        ...more,
        `${scheme}://localhost:${port}/${path(index + 1)}`,
      ]);
      assert.equal(code, 0, talk);
      return out.toString('latin1');
    }),
  ).then((read) => [...read, ...messages.slice(3)]);
}

async function mpop({ folder, user, password, port, ca }: Box, starttls: 'on' | 'off'): Promise<readonly string[]> {
  const mail = makeMaildir(folder);
  const config = join(folder, 'mpoprc');
  writeFileSync(
    config,
    `defaults\ntls on\ntls_starttls ${starttls}\ntls_trust_file ${ca}\naccount default\nhost localhost\nport ${port}\nuser ${user}\npassword ${password}\nauth on\nkeep on\nreceived_header off\nuidls_file ${join(folder, 'uidls')}\ndelivery maildir ${mail}\n`,
    { mode: 0o600 },
  );
  const { code, talk } = await runProgram(peerProgram('mpop'), ['-C', config]);
  assert.equal(code, 0, talk);
  return filesOf(mail);
}
