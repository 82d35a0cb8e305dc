/** Plays every transcript of `smtp/` against our client. */
import { connectSmtp, type SmtpClient } from '../../src/mail/smtp/client.ts';
import { credential, testTranscripts } from './play.ts';

testTranscripts(new URL('smtp/', import.meta.url), { connect: connectSmtp, perform });

async function perform(client: SmtpClient, act: string, given: string[]): Promise<void> {
  const [verb = '', ...rest] = act.split(' ');
  const argument = rest.join(' ');
  switch (verb) {
    case 'login':
      return await client.authenticate(credential(argument));
    case 'capabilities':
      given.push(`capabilities ${[...client.capabilities].map(([name, value]) => `${name} ${value}`.trim()).join(', ')}`);
      return;
    case 'greeting':
      given.push(`greeting from ${client.serverHost}`);
      return;
    case 'send': {
      const bytes = Buffer.from(argument === '' ? 'Subject: test\n\n.begins with a dot\nends without a line end' : argument);
      const { code, enhanced, text } = await client.send({ from: 'box@contoso.test', to: ['a@contoso.test', 'b@contoso.test'], bytes });
      given.push(`sent ${code} ${enhanced} ${text}`);
      return;
    }
    case 'quit':
      return await client.quit();
    default:
      throw new Error(`no such act: ${act}`);
  }
}
