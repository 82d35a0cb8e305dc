/**
 * The yardstick: every message of a folder over TLS as fast as one connection gives them, several FETCH in flight,
 * bytes straight into one file, one fsync at the end. It keeps nothing apart, resumes nothing and shares no code with the product.
 *
 * raw-pull.ts PORT USER CA-FILE OUT-FILE, the password in RAW_PULL_PASSWORD; prints {"messages":…,"bytes":…,"ms":…}.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:tls';

const [port, user = '', ca = '', out = ''] = process.argv.slice(2);
const perCommand = 250;
const inFlight = 4;
const idleDeadlineMs = 60_000;

const startedAt = performance.now();
const fd = openSync(out, 'w');
const socket = connect({ host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: readFileSync(ca) });
socket.setTimeout(idleDeadlineMs, () => socket.destroy(new Error('the server fell silent')));
socket.on('error', (error) => fail(error.message));
socket.on('data', read);
let messages = 0;
let bytes = 0;
let exists = 0;
let next = 1;
let commands = 0;
/** Bytes still to come of the literal that is being read. */
let literal = 0;
/** A line that has begun, while it lasts. */
let line = '';

send(`l AUTHENTICATE PLAIN ${Buffer.from(`\0${user}\0${process.env['RAW_PULL_PASSWORD'] ?? ''}`).toString('base64')}`);

function read(chunk: Buffer): void {
  for (let at = 0; at < chunk.length; ) {
    if (literal > 0) {
      const taken = chunk.subarray(at, at + literal);
      writeSync(fd, taken);
      bytes += taken.length;
      literal -= taken.length;
      at += taken.length;
      continue;
    }
    const end = chunk.indexOf(10, at);
    line += chunk.toString('latin1', at, end === -1 ? chunk.length : end + 1);
    if (end === -1) return;
    at = end + 1;
    const whole = line;
    line = '';
    readLine(whole);
  }
}

function readLine(text: string): void {
  const opening = /\{(\d+)\}\r\n$/.exec(text);
  if (opening !== null) {
    literal = Number(opening[1]);
    messages += 1;
  } else if (/^\w+ (NO|BAD) /.test(text)) fail(text);
  else if (text.startsWith('l OK')) send('s EXAMINE INBOX');
  else if (/^\* \d+ EXISTS/.test(text)) exists = Number(text.split(' ')[1]);
  else if (text.startsWith('s OK')) for (let i = 0; i < inFlight; i += 1) fetchMore();
  else if (text.startsWith('f OK')) {
    commands -= 1;
    fetchMore();
    if (commands === 0) finish();
  }
}

function fetchMore(): void {
  if (next > exists) return;
  send(`f FETCH ${next}:${Math.min(exists, next + perCommand - 1)} (UID BODY.PEEK[])`);
  next += perCommand;
  commands += 1;
}

function send(command: string): void {
  socket.write(`${command}\r\n`);
}

function finish(): void {
  fsyncSync(fd);
  closeSync(fd);
  socket.destroy();
  process.stdout.write(`${JSON.stringify({ messages, bytes, ms: performance.now() - startedAt })}\n`);
}

function fail(why: string): never {
  process.stderr.write(`raw-pull: ${why}\n`);
  process.exit(1);
}
