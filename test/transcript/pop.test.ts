/** Plays every transcript of `pop/` against our client. */
import { connectPop, type PopClient } from '../../src/mail/pop/client.ts';
import { credential, testTranscripts } from './play.ts';

testTranscripts(new URL('pop/', import.meta.url), { connect: connectPop, perform });

async function perform(client: PopClient, act: string, given: string[]): Promise<void> {
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
    case 'stat': {
      const { messages, bytes } = await client.stat();
      given.push(`stat messages=${messages} bytes=${bytes}`);
      return;
    }
    case 'list':
      for (const { number, bytes } of await client.list()) given.push(`size ${number} ${bytes}`);
      return;
    case 'uidl':
      for (const { number, uid } of await client.uidl()) given.push(`uid ${number} ${uid}`);
      return;
    case 'top':
      given.push(`top ${await text(await client.top(Number(rest[0]), Number(rest[1])))}`);
      return;
    case 'retrieve':
      given.push(`message ${await text(await client.retrieve(Number(argument)))}`);
      return;
    case 'leave':
      await client.retrieve(Number(argument));
      return;
    case 'all':
      for await (const { number, body, refusal } of client.retrieveMessages(argument.split(',').map(Number), { inFlight: 4 })) {
        given.push(`message ${number} ${body === undefined ? refusal?.code : await text(body)}`);
      }
      return;
    case 'pass-over':
      for await (const { number } of client.retrieveMessages(argument.split(',').map(Number))) given.push(`message ${number}`);
      return;
    case 'headers':
      for await (const { number, body, refusal } of client.retrieveMessages(argument.split(',').map(Number), { lines: 0 })) {
        given.push(`header ${number} ${body === undefined ? refusal?.code : await text(body)}`);
      }
      return;
    case 'list-with-uids': {
      const { sizes, uids } = await client.listWithUids();
      given.push(`sizes ${sizes.map(({ number, bytes }) => `${number}=${bytes}`).join(' ')}`);
      given.push(`uids ${uids.map(({ number, uid }) => `${number}=${uid}`).join(' ')}`);
      return;
    }
    case 'capabilities-again':
      await client.askCapabilities();
      given.push(`capabilities ${[...client.capabilities].map(([name, value]) => `${name} ${value}`.trim()).join(', ')}`);
      return;
    case 'remove-all': {
      const refusals = await client.removeAll(argument.split(',').map(Number));
      given.push(`not removed ${[...refusals].map(([number, { code }]) => `${number} ${code}`).join(', ')}`);
      return;
    }
    case 'remove':
      return await client.remove(Number(argument));
    case 'reset':
      return await client.reset();
    case 'noop':
      return await client.noop();
    case 'quit':
      return await client.quit();
    default:
      throw new Error(`no such act: ${act}`);
  }
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return JSON.stringify(Buffer.concat(pieces).toString('latin1'));
}
