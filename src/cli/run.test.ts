import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../fault/fault.ts';
import { choose } from './choose.ts';
import { type Command, exit, type Terminal } from './command.ts';
import { commands, groups } from './commands.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { configFile, expectNoArguments, readArguments } from './parse.ts';
import { run } from './run.ts';

const command: Command = {
  name: 'archive search',
  summary: 'Search.',
  usage: 'QUERY [--limit N]',
  options: {
    limit: { type: 'string', short: 'n', value: 'N', help: 'How many.' },
    source: { type: 'string', multiple: true, help: 'Where.' },
  },
  run: async () => exit.done,
};

function chosen(...argv: string[]): unknown {
  const choice = choose(argv);
  return choice.kind === 'command' ? [choice.entry.name, ...choice.rest] : choice;
}

test('a command is chosen by its one or two words, with global options before or behind', () => {
  assert.deepEqual(chosen('config', 'check', '--secrets'), ['config check', '--secrets']);
  assert.deepEqual(chosen('--json', '--config', 'x.yaml', 'config', 'check', 'y'), ['config check', '--json', '--config', 'x.yaml', 'y']);
});

test('no command, help, and a group without a verb show a help', () => {
  assert.deepEqual([chosen(), chosen('--help'), chosen('help')], Array(3).fill({ kind: 'program-help' }));
  assert.deepEqual(
    [chosen('config'), chosen('config', '--help'), chosen('help', 'config')],
    Array(3).fill({ kind: 'group-help', group: 'config' }),
  );
  assert.deepEqual(chosen('help', 'config', 'check'), ['config check', '--help']);
  assert.deepEqual(chosen('--version'), { kind: 'version' });
  assert.throws(
    () => choose(['config', '--config', 'x.yaml']),
    (error) => isFault(error, 'cli.wrong-use') && error.evidence['expected'] === 'a verb: check, sample, schema',
  );
});

test('an unknown command brings the nearest one, if one is near', () => {
  for (const [argv, nearest] of [
    [['confg', 'check'], 'config'],
    [['config', 'chekc'], 'config check'],
    [['config', 'destroy'], undefined],
    [['toString'], undefined],
  ] as const) {
    assert.throws(
      () => choose(argv),
      (error) => isFault(error, 'cli.unknown-command') && error.evidence['nearest'] === nearest,
      argv.join(' '),
    );
  }
  assert.throws(
    () => choose(['--bogus']),
    (error) => isFault(error, 'cli.wrong-use'),
  );
});

test('options are read as the command describes them', () => {
  const { values, positionals } = readArguments(command, [
    'two words',
    '-n',
    '5',
    '--source',
    'a',
    '--source=b',
    '--json',
    '--',
    '--limit',
  ]);
  assert.deepEqual([{ ...values }, positionals], [{ limit: '5', source: ['a', 'b'], json: true }, ['two words', '--limit']]);
});

test('a wrong option is wrong use, with the nearest one where there is one', () => {
  for (const [argv, problem, nearest] of [
    [['--limt', '5'], 'unknown option --limt', '--limit'],
    [['--zzz'], 'unknown option --zzz', undefined],
    [['--limit'], "Option '-n, --limit <value>' argument missing", undefined],
    [['--json=yes'], "Option '--json' does not take an argument", undefined],
  ] as const) {
    assert.throws(
      () => readArguments(command, argv),
      (error) => isFault(error, 'cli.wrong-use') && error.evidence['problem'] === problem && error.evidence['nearest'] === nearest,
      argv.join(' '),
    );
  }
  assert.throws(
    () => expectNoArguments(command, { positionals: ['x'], values: {} }),
    (error) => isFault(error, 'cli.wrong-use'),
  );
});

test('the configuration is the one named by option, else by environment, else in the working folder', () => {
  const none = { positionals: [], values: {} };
  assert.equal(configFile({ positionals: [], values: { config: 'a.yaml' } }, { POSTERN_CONFIG: 'b.yaml' }), 'a.yaml');
  assert.equal(configFile(none, { POSTERN_CONFIG: 'b.yaml' }), 'b.yaml');
  assert.equal(configFile(none, { POSTERN_CONFIG: '' }), 'postern.yaml');
});

test('every help ends with the exit codes and says how to use what it is about', async () => {
  const helps = [
    programHelp(),
    ...Object.keys(groups).map(groupHelp),
    ...(await Promise.all(commands.map(async ({ load }) => commandHelp(await load())))),
  ];
  for (const help of helps)
    assert.match(help, /Usage: postern [\s\S]*Exit codes:\n {2}0 {3}done\n[\s\S]*75 {2}try again later\n.*130 interrupted\n$/);
});

test('the table of commands uses the words of the commands themselves, each group has verbs, each name is new', async () => {
  for (const { name, summary, load } of commands) {
    const loaded = await load();
    assert.deepEqual([loaded.name, loaded.summary], [name, summary]);
  }
  const first = new Set(commands.filter(({ name }) => name.includes(' ')).map(({ name }) => name.split(' ')[0]));
  // `proxy` is a command by itself, with verbs beside it.
  const alone = new Set(commands.filter(({ name }) => !name.includes(' ')).map(({ name }) => name));
  assert.deepEqual(new Set([...first].filter((word) => word !== undefined && !alone.has(word))), new Set(Object.keys(groups)));
  assert.equal(new Set(commands.map(({ name }) => name)).size, commands.length);
});

async function ran(argv: readonly string[], aborted = false): Promise<{ code: number; out: string; talk: string }> {
  let out = '';
  let talk = '';
  const terminal: Terminal = {
    stdout: {
      write: (text) => {
        out += text;
        return true;
      },
    },
    drained: async () => undefined,
    stderr: {
      write: (text) => {
        talk += text;
        return true;
      },
    },
    interactive: false,
    env: {},
    signal: aborted ? AbortSignal.abort() : new AbortController().signal,
  };
  const code = await run(argv, terminal, () => {
    throw new Error('the version cannot be read');
  });
  return { code, out, talk };
}

test('a fault goes to stderr, and with --json to stdout as well', async () => {
  const { code, out, talk } = await ran(['nonsense', '--json']);
  assert.equal(code, 2);
  assert.match(talk, /^cli\.unknown-command: /);
  assert.equal(JSON.parse(out).fault.code, 'cli.unknown-command');
});

test('what nobody foresaw is a bug of ours: exit code 70, the stack, and the request to report it', async () => {
  const { code, out, talk } = await ran(['--version']);
  assert.deepEqual([code, out], [70, '']);
  assert.match(talk, /^This is a bug of Postern[\s\S]*Error: the version cannot be read\n\s+at /);
});

test('what fails after a Ctrl-C is an interruption', async () => {
  assert.deepEqual(await ran(['--version'], true), { code: 130, out: '', talk: 'Interrupted.\n' });
});
