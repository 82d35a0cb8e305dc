/**
 * A protocol session as text, and its reading. The same text can drive a client against a scripted peer, or be held against a server.
 *
 * `about:` what it shows; `source:` where the behaviour is known from; `limit: NAME=N`, `tls: starttls`: how the client is set up.
 * `do:` what the client is told, in order; `gives:` what it hands back, in order; `fault:` the code it throws, `evidence: KEY=VALUE`.
 * `S:` and `C:` lines are what goes over the wire, each ended by CRLF. The first word of a `C:` line names a tag; the name stands for
 * the client's own tag wherever it begins an `S:` line. `close:` the peer closes; `reset:` it closes hard. `$initial`, `$plain`,
 * `$challenge` stand for base64 that would only hide what matters; `$xN` for a run of N letters.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type Step =
  | { readonly does: 'say'; readonly text: string }
  | { readonly does: 'expect'; readonly line: string }
  | { readonly does: 'close' }
  | { readonly does: 'reset' };

export interface Transcript {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  readonly starttls: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly acts: readonly string[];
  readonly gives: readonly string[];
  readonly fault: string | undefined;
  readonly evidence: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

/** All transcripts of a folder. */
export function readTranscripts(folder: URL): readonly Transcript[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  return names.sort().map((name) => readTranscript(name, readFileSync(new URL(name, folder), 'utf8')));
}

function readTranscript(name: string, text: string): Transcript {
  const headers = new Map<string, string[]>();
  const steps: Step[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = /^([A-Za-z]+): ?(.*)$/.exec(line);
    if (!match) throw new Error(`${name}: cannot read the line ${line}`);
    const [, key = '', value = ''] = match;
    if (key === 'S') say(steps, `${value}\r\n`);
    else if (key === 'C') steps.push({ does: 'expect', line: value });
    else if (key === 'close' || key === 'reset') steps.push({ does: key });
    else headers.set(key, [...(headers.get(key) ?? []), value]);
  }
  const about = headers.get('about')?.[0];
  const source = headers.get('source')?.[0];
  if (about === undefined || source === undefined) throw new Error(`${name}: about and source are missing`);
  const limits = pairs(headers.get('limit')).map(([key, value]) => [key, Number(value)] as const);
  return {
    name,
    about,
    source,
    starttls: headers.get('tls')?.[0] === 'starttls',
    limits: Object.fromEntries(limits),
    acts: headers.get('do') ?? [],
    gives: headers.get('gives') ?? [],
    fault: headers.get('fault')?.[0],
    evidence: Object.fromEntries(pairs(headers.get('evidence'))),
    steps,
  };
}

/** Lines that follow one another leave in one piece, as a server sends them: what stands behind an answer is then really behind it. */
function say(steps: Step[], text: string): void {
  const last = steps.at(-1);
  if (last?.does === 'say') steps[steps.length - 1] = { does: 'say', text: last.text + text };
  else steps.push({ does: 'say', text });
}

function pairs(lines: readonly string[] = []): (readonly [string, string])[] {
  return lines.map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
}
