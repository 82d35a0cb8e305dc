/** Takes messages into a queue for as long as it lives, several at once, and prints the id and hash of each when it is durable. To be killed. */
import { randomBytes } from 'node:crypto';
import { Spool } from '../../src/proxy/queue/spool.ts';

const [folder, lanes] = process.argv.slice(2);
if (folder === undefined) throw new Error('a folder is wanted');
const spool = new Spool(folder);
await spool.prepare(Date.now());
const envelope = {
  client: 'c',
  mailbox: 'm@contoso.test',
  tenant: 't',
  from: 'm@contoso.test',
  recipients: ['r@example.test'],
  smtpUtf8: false,
};
async function lane(): Promise<never> {
  for (;;) {
    const incoming = await spool.begin(envelope, Date.now(), 60_000);
    for (let piece = 0; piece < 5; piece += 1) await incoming.write(randomBytes(20_000));
    const { id, sha256 } = await incoming.commit();
    process.stdout.write(`${id} ${sha256}\n`);
  }
}
await Promise.all(Array.from({ length: Number(lanes) }, lane));
