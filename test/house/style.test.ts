/**
 * Rules of the house that the linter cannot know. Each failure names file and line.
 *
 * The lists of allowed files are short on purpose: whoever lengthens one says why beside it.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { codeOnly, isTest, lineAt, read, repositoryFiles, root } from './sources.ts';

const files = repositoryFiles();
const product = files.filter((file) => /^src\/.*\.(ts|mjs)$/.test(file) && !isTest(file));
const sandbox = files.filter((file) => /^sandbox\/.*\.(ts|mjs)$/.test(file) && !isTest(file));
const console_ = files.filter((file) => /^console\/.*\.(tsx?|css)$/.test(file) && !isTest(file));
const code = files.filter((file) => /\.(tsx?|mjs|css)$/.test(file));
const texts = files.filter((file) => !/\.(eml|png|gif|ico|pem|der|zip|gz)$/.test(file));
const longestWithoutReason = 500;

/** Every place where `pattern` stands in the code (not in comments, not in strings) of these files, as `file:line`. */
function places(among: readonly string[], pattern: RegExp): string[] {
  return among.flatMap((file) => {
    const text = codeOnly(read(file));
    return [...text.matchAll(pattern)].map((match) => `${file}:${lineAt(text, match.index)}`);
  });
}

test('only config/, runtime/ and cli/main.ts see the environment, the clock and chance', () => {
  const others = product.filter((file) => !/^src\/(config|runtime)\/|^src\/cli\/main\.ts$/.test(file));
  assert.deepEqual(places(others, /\bprocess\.env\b|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/g), []);
});

test('a secret is revealed only in the files that send it, sign with it or take it apart', () => {
  const senders = new Set([
    'src/runtime/http.ts', // the body of the token request
    'src/token/request.ts', // the client secret, into that body
    'src/token/managed-identity.ts', // the header that the endpoint of App Service wants back, into the question to it
    'src/token/claims.ts', // the token, to tell a person what is in it; only claims that are no secret come out
    'src/cli/token.ts', // the token itself, printed by `token --raw` because a person asked for it
    'src/cli/sasl.ts', // the login's words, printed because that is what `sasl` is for
    'src/mail/sasl.ts', // token or password, into the login's words
    'src/mail/imap/authenticate.ts', // these words, into the line that is sent
    'src/mail/pop/authenticate.ts', // likewise
    'src/mail/smtp/authenticate.ts', // likewise
    'src/import/watch/webhook.ts', // the address of the receiver, to ask it, and the key of the signature
    'src/admin/graph/client.ts', // the administrator's token, into the header of a question to Graph
    'src/admin/exchange/invoke-command.ts', // likewise, to Exchange
    'src/admin/exchange/pwsh.ts', // likewise, into the pipe of the PowerShell that asks for us
    'src/admin/sign-in/handed-over.ts', // a token of our own token plane, to look at what is in it
    'src/admin/sign-in/session.ts', // the refresh token, into the body of a token request
    'src/setup/credential-store.ts', // the new credential, into the file or program that keeps it
    'src/definitions/seal.ts', // a secret of the console, into the cipher that keeps it, and the key of that cipher
    'src/runtime/password-hash.ts', // a password, into its hash
    'src/accounts/password-rule.ts', // a password that is being chosen, to see whether it is too easily guessed
    'src/accounts/sqlite-accounts.ts', // cookie and API token, into the hashes by which they are known
    'src/service/http/address.ts', // the key of the console's certificate, into its TLS
    'src/service/http/api.ts', // the cookie of a new session, into the header of the answer to its login
    'src/service/routes/tokens.ts', // an API token, into the one answer that shows it
    'src/cli/serve.ts', // the password of the first administrator, printed once
    'src/cli/user.ts', // a first password, printed because a person asked for it
    'src/proxy/certificate.ts', // the key of the listeners' certificate, into the context of TLS
    'src/cli/proxy-client.ts', // a client's new password, printed once because that is what `proxy client add` is for
    'src/admin/graph/own-credential.ts', // the three characters that Graph shows of a secret too, to know it among others
    'src/mail/dialogue.ts', // to strike them out of what a server says back
  ]);
  const others = product.filter((file) => !senders.has(file) && file !== 'src/runtime/secret.ts');
  assert.deepEqual(places(others, /\.reveal\(\)/g), []);
});

test('nothing in the product knows of the sandbox', () => {
  // One directive of a content security policy has this very name.
  const others = product.filter((file) => file !== 'src/service/http/headers.ts');
  assert.deepEqual(places(others, /\bsandbox\b|\bNODE_ENV\b/gi), []);
});

test('a TODO names its issue', () => {
  const found = code.flatMap((file) => {
    const text = read(file);
    return [...text.matchAll(/\b(?:TODO|FIXME|XXX)\b(?! \(#\d+\))/g)].map((match) => `${file}:${lineAt(text, match.index)}`);
  });
  assert.deepEqual(
    found.filter((place) => !place.startsWith('test/house/style.test.ts')),
    [],
  );
});

test('a file of more than 500 lines gives its reason (Long because …) in its header', () => {
  const long = code.filter(
    (file) => read(file).split('\n').length > longestWithoutReason && !/Long because/.test(read(file).slice(0, 3000)),
  );
  assert.deepEqual(long, []);
});

test('a file opens with what it is', () => {
  const silent = [...product, ...sandbox, ...console_, ...code.filter((file) => file.startsWith('tools/'))].filter(
    (file) => !/^(?:#![^\n]*\n)?(?:\/\*|\/\/)/.test(read(file)),
  );
  assert.deepEqual(silent, []);
});

test('no file or folder is a drawer', () => {
  const drawer = /^(?:utils?|helpers?|common|misc|shared|types|managers?|services)(?:\.|$)/;
  assert.deepEqual(
    files.filter((file) => file.split('/').some((part) => drawer.test(part))),
    [],
  );
});

test('no file names a place on a machine or the host of a package registry', () => {
  // Put together from parts, so that this file does not hold what it forbids.
  const words = [
    `/${'work'}/`,
    `/${'root'}/`,
    `/${'home'}/[a-z]`,
    `/${'Users'}/[A-Za-z]`,
    `C:${'\\\\'}Users`,
    `registry\\.${'npmjs'}`,
    `${'npm'}mirror`,
    `${'verd'}accio`,
  ];
  const pattern = new RegExp(`(?<![\\w.:/-])(?:${words.join('|')})`, 'g');
  const found = texts.flatMap((file) => {
    const text = read(file);
    return [...text.matchAll(pattern)].map((match) => `${file}:${lineAt(text, match.index)} ${match[0]}`);
  });
  assert.deepEqual(found, []);
});

test('the lock file names no host to fetch from, so that everybody installs from their own registry', () => {
  const hosts = [...read('package-lock.json').matchAll(/"resolved": "(https?:\/\/[^/"]+)/g)].map((match) => match[1]);
  assert.deepEqual([...new Set(hosts)], []);
});

test('every link between our documents leads somewhere', () => {
  const broken = files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...read(file).matchAll(/(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !/^[a-z]+:/.test(link) && !leads(file, link))
        .map((link) => `${file}: ${link}`),
    );
  assert.deepEqual(broken, []);
});

function leads(file: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : join(dirname(file), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || !target.endsWith('.md') || anchors(read(target)).includes(anchor);
}

/** The anchors that a renderer makes of headings: lower case, punctuation gone, spaces to hyphens. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('a test is a sentence, and lies beside what it tests or under test/', () => {
  const poor = files.filter(isTest).flatMap((file) => {
    const text = read(file);
    return [...text.matchAll(/^\s*(?:await )?(?:t\.)?test\(\s*(['`])(.*?)\1/gm)]
      .filter(([, , name = '']) => !name.includes('${') && name.split(' ').length < 3)
      .map((match) => `${file}:${lineAt(text, match.index)} ${match[2]}`);
  });
  assert.deepEqual(poor, []);
  const lonely = product.length === 0 ? [] : files.filter((file) => isTest(file) && /^(?:docs|examples)\//.test(file));
  assert.deepEqual(
    lonely.map((file) => basename(file)),
    [],
  );
});

test('no test waits for a fixed time', () => {
  const waiting = /\bawait (?:sleep|delay)\(|new Promise\(\(?\w+\)? => setTimeout\(\w+, \d/g;
  assert.deepEqual(places(files.filter(isTest), waiting), []);
});
