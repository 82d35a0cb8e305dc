/**
 * Submission through the proxy before a Dovecot that takes XOAUTH2 only and hands mail on: clients of Debian that know a password, passed
 * through and by the queue. What comes out behind Dovecot is what they sent.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { until as untilWithin } from './import-place.ts';
import { type MailSink, startMailSink } from './places/mail-sink.ts';
import { peerProgram, unlessDovecot, unlessPeers } from './places/peers.ts';
import { runProgram } from './program.ts';
import { type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const from = 'scanner@contoso.test';
const to = 'inbox@contoso.test';
const until = (isSo: () => boolean): Promise<void> => untilWithin(isSo, 30_000);

for (const way of ['passed through', 'by the queue'] as const) {
  suite(`before Dovecot, ${way}`, { skip: unlessDovecot('openssl') }, () => {
    let sink: MailSink;
    let place: ProxyPlace;
    let password: string;
    before(async () => {
      sink = await startMailSink();
      place = await startProxyPlace({
        behind: 'dovecot',
        relayPort: sink.port,
        ...(way === 'by the queue' ? { more: '  queue: { retryFor: 1h }\n' } : {}),
      });
      password = await place.client({ name: 'scanner' });
    });
    after(async () => {
      await place.close();
      sink.close();
    });
    const came = (subject: string): string | undefined => sink.taken.find((one) => one.includes(`Subject: ${subject}\r\n`));

    test('msmtp submits, and its mail comes out whole', { skip: unlessPeers('msmtp') }, async () => {
      const config = join(place.folder, 'msmtprc');
      const settings = `account default\nhost 127.0.0.1\nport ${place.port('smtp')}\nuser ${from}\npassword ${password}\nauth plain\nfrom ${from}\ntls off\n`;
      writeFileSync(config, settings, { mode: 0o600 });
      const { code, talk } = await runProgram(peerProgram('msmtp'), ['-C', config, to], {
        input: `From: ${from}\nSubject: by msmtp\n\n.dot\n..\nend\n`,
      });
      assert.equal(code, 0, talk);
      await until(() => came('by msmtp') !== undefined);
      assert.match(came('by msmtp') ?? '', /\r\n\r\n\.dot\r\n\.\.\r\nend\r\n$/);
    });

    test('curl submits, and its mail comes out whole', { skip: unlessPeers('curl') }, async () => {
      const config = join(place.folder, 'curlrc');
      writeFileSync(config, `user = "${from}:${password}"\n`, { mode: 0o600 });
      const message = `From: ${from}\r\nSubject: by curl\r\n\r\n${'words and more words\r\n.\r\n'.repeat(2_000)}`;
      const args = ['-sS', '-K', config, '--mail-from', from, '--mail-rcpt', to, '--upload-file', '-'];
      const { code, talk } = await runProgram(peerProgram('curl'), [...args, `smtp://127.0.0.1:${place.port('smtp')}/device`], {
        input: message,
      });
      assert.equal(code, 0, talk);
      await until(() => came('by curl') !== undefined);
      assert.ok(came('by curl')?.endsWith(message));
    });

    test('swaks submits, and its mail comes out', { skip: unlessPeers('swaks') }, async () => {
      const { code, talk } = await runProgram(peerProgram('swaks'), [
        ...['--server', '127.0.0.1', '--port', String(place.port('smtp')), '--auth', 'LOGIN', '--auth-user', from],
        ...['--auth-password', password, '--from', from, '--to', to, '--h-Subject', 'by swaks'],
      ]);
      assert.equal(code, 0, talk);
      await until(() => came('by swaks') !== undefined);
    });
  });
}
