/**
 * The PowerShell that `setup script` prints, read by a grammar of PowerShell: it parses, and no value of the configuration becomes code.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import type { Node, Parser as TreeParser } from '@vscode/tree-sitter-wasm';
import type { Desired } from '../../src/setup/desired.ts';
import { quoted, type ScriptOptions, script } from '../../src/setup/script.ts';
import { desiredFor } from './setup-place.ts';

const require = createRequire(import.meta.url);
/** A CommonJS file that hides its exports from `import`; its types are those of web-tree-sitter. */
const { Language, Parser }: typeof import('@vscode/tree-sitter-wasm') = require('@vscode/tree-sitter-wasm');
const parser: { read?: TreeParser } = {};
before(async () => {
  await Parser.init();
  const made = new Parser();
  made.setLanguage(await Language.load(require.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-powershell.wasm')));
  parser.read = made;
});

const tenantId = '5a000000-7e4a-4000-8000-000000000000';

function treeOf(text: string): Node {
  const tree = parser.read?.parse(text);
  assert.ok(tree);
  return tree.rootNode;
}

function* every(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) if (child !== null) yield* every(child);
}

/** What the grammar cannot read, with its line. */
function unread(text: string): readonly string[] {
  return [...every(treeOf(text))]
    .filter((node) => node.isError || node.isMissing)
    .map((node) => `${node.startPosition.row + 1}: ${node.type} ${JSON.stringify(node.text.slice(0, 60))}`);
}

/** The text without strings and comments: what PowerShell would do. Texts in double quotes hold code, so they stay. */
function codeOf(text: string): string {
  const quiet = [...every(treeOf(text))].filter(({ type }) => ['verbatim_string_characters', 'comment'].includes(type));
  let code = '';
  let at = 0;
  for (const { startIndex, endIndex } of quiet.toSorted((one, other) => one.startIndex - other.startIndex)) {
    if (startIndex < at) continue;
    code += `${text.slice(at, startIndex)}▢`;
    at = endIndex;
  }
  return code + text.slice(at);
}

const adopt = '66666666-7777-8888-9999-000000000000';
const states: Readonly<Record<string, Desired>> = {
  'all protocols with a secret': desiredFor(),
  'an app that was made by hand': desiredFor({ app: { ...desiredFor().app, adopt } }),
  'a certificate, switches left as they are': desiredFor({
    credential: { kind: 'certificate', lifetimeDays: 90, overlapDays: 7 },
    enableClientAccess: false,
  }),
  'a federated credential': desiredFor({
    credential: { kind: 'federated', name: 'x', issuer: 'https://i.example/', subject: 'a:b', audience: 'api://AzureADTokenExchange' },
  }),
  'sending by role assignment': desiredFor({
    protocols: ['smtp'],
    mailboxes: [{ address: 'a@contoso.test', protocols: ['smtp'], sendAs: ['b@contoso.test'] }],
    smtp: { mode: 'rbac', group: 'senders@contoso.test' },
  }),
  'many mailboxes': desiredFor({
    mailboxes: Array.from({ length: 40 }, (_, index) => ({
      address: `m${index}@contoso.test`,
      protocols: ['imap'] as const,
      sendAs: [`s${index}@contoso.test`],
    })),
  }),
};
const options = (part: ScriptOptions['part'], change: Partial<ScriptOptions> = {}): ScriptOptions => ({
  part,
  tenantId,
  cloud: 'global',
  exchangeEnvironment: undefined,
  ...change,
});

test('the script of every kind of setup and of each part parses as PowerShell, to the last sign', () => {
  for (const [name, desired] of Object.entries(states)) {
    for (const part of ['entra', 'exchange', 'both'] as const) {
      for (const change of [{}, { cloud: 'gcc-high', exchangeEnvironment: 'O365USGovGCCHigh', tenantId: 'contoso.com' }]) {
        const text = script(desired, options(part, change));
        assert.deepEqual(unread(text), [], `${name}, ${part}`);
      }
    }
  }
});

test('the grammar tells a script that does not parse', () => {
  const good = script(desiredFor(), options('both'));
  assert.notDeepEqual(unread(good.replace("'New-MgApplication')", "'New-MgApplication'")), []);
  assert.notDeepEqual(unread(good.replace('elseif ($PSCmdlet', 'elseif $PSCmdlet')), []);
});

const hostile: readonly string[] = [
  "it's",
  "''; Remove-Mailbox -Identity *; '",
  '"; Remove-Mailbox *; "',
  '$(Remove-Mailbox *)',
  '\u0024{env:PATH}',
  '`"; Remove-Mailbox *; `"',
  '‘; Remove-Mailbox *; ’',
  '‚; Remove-Mailbox *; ‛',
  "'\nRemove-Mailbox *\n'",
  '# \r\nRemove-Mailbox *',
  '#> Remove-Mailbox *; <#',
  "'@\nRemove-Mailbox *\n@'",
  '; Remove-Mailbox * #',
  '\u2028Remove-Mailbox *',
  'A & Remove-Mailbox | B > C',
];

/** Every place of a configuration whose text gets into a script. */
function withText(text: string): readonly Desired[] {
  const plain = desiredFor();
  const mailboxes = [{ address: `${text}@contoso.test`, protocols: ['imap', 'pop3', 'smtp'] as const, sendAs: [`${text}@other.test`] }];
  return [
    desiredFor({ tenant: text, app: { ...plain.app, uniqueName: text, displayName: text }, mailboxes }),
    desiredFor({ mailboxes, enableClientAccess: false }),
    desiredFor({ mailboxes, smtp: { mode: 'rbac', group: text } }),
    desiredFor({ app: { ...plain.app, adopt: text } }),
    desiredFor({ credential: { kind: 'federated', name: text, issuer: text, subject: text, audience: text } }),
  ];
}

test('a value with quotes of every kind, $, backticks and line ends stays a text: the code is the same as with a harmless one', () => {
  const harmless = withText('plain').map((one) => codeOf(script(one, options('both'))));
  for (const text of hostile) {
    for (const [index, desired] of withText(text).entries()) {
      const made = script(desired, options('both'));
      assert.deepEqual(unread(made), [], JSON.stringify(text));
      const code = codeOf(made);
      assert.equal(code.includes('Remove-Mailbox '), false, code.slice(Math.max(0, code.indexOf('Remove-Mailbox ') - 200)));
      assert.equal(code, harmless[index], JSON.stringify(text));
    }
  }
  for (const made of withText('plain').map((one) => script(one, options('both', { tenantId: "x'; Remove-Mailbox *; '" })))) {
    assert.equal(codeOf(made).includes('Remove-Mailbox '), false);
  }
});

test('PowerShell ends a text at typographic quotes too, so each of them is doubled', () => {
  // The grammar knows the straight one only. PowerShell: about_Quoting_Rules.
  for (const quote of ["'", '‘', '’', '‚', '‛']) assert.equal(quoted(`a${quote}b`), `'a${quote}${quote}b'`);
});

test('the script keeps what the hand-made guides get wrong: no AzureAD module, no -ServiceId, no automapping, no empty filter', () => {
  for (const desired of Object.values(states)) {
    const text = script(desired, options('both'));
    assert.doesNotMatch(text, /-AzureAD[A-Z]|-ServiceId|-Msol|-AutoMapping \$true/);
    assert.match(text, /New-ServicePrincipal -AppId \$ids\.appId -ObjectId \$ids\.principalId/);
    for (const line of text.split('\n').filter((one) => one.includes('Add-MailboxPermission -')))
      assert.match(line, /-AutoMapping \$false/);
    assert.doesNotMatch(text, /RecipientRestrictionFilter ''/);
    const changes = text.split('\n').filter((one) => /^\s*(?:New|Add|Set|Update|Remove)-\w+ -/.test(one));
    assert.ok(changes.length > 3);
  }
});

test('each change stands behind a look and behind ShouldProcess, so that -WhatIf changes nothing', () => {
  for (const desired of Object.values(states)) {
    const root = treeOf(script(desired, options('both')));
    const changing = /^(?:New|Add|Set|Update|Remove)-(?:Mg|Service|Mailbox|Recipient|CAS|Management)/;
    const commands = [...every(root)].filter((node) => node.type === 'command' && changing.test(node.text));
    assert.ok(commands.length > 3);
    for (const command of commands) {
      const guards: string[] = [];
      for (let node = command.parent; node !== null; node = node.parent) {
        if (node.type === 'if_statement' || node.type === 'foreach_statement' || node.type === 'elseif_clause') guards.push(node.text);
      }
      assert.ok(
        guards.some((one) => one.includes('ShouldProcess')),
        command.text,
      );
    }
  }
});

test('a run that fails between the secret’s file and the secret leaves no empty file in the way of the next', () => {
  const root = treeOf(script(desiredFor(), options('both')));
  const asked = [...every(root)].find((node) => node.type === 'command' && node.text.startsWith('Add-MgApplicationPassword'));
  const around: string[] = [];
  for (let node = asked?.parent ?? null; node !== null; node = node.parent) if (node.type === 'try_statement') around.push(node.text);
  assert.ok(around.some((one) => /catch \{[^{}]*Remove-Item -LiteralPath \$SecretFile\s+throw\s+\}$/.test(one)));
});

test('a scope that is there with another filter is set right, and nothing is proven where nothing was made', () => {
  const root = treeOf(script(states['sending by role assignment'] ?? desiredFor(), options('exchange')));
  const guardsOf = (name: string): string => {
    let node = [...every(root)].find((one) => one.type === 'command' && one.text.startsWith(name))?.parent ?? null;
    while (node !== null && node.type !== 'elseif_clause' && node.type !== 'if_statement') node = node.parent;
    return node?.text ?? '';
  };
  assert.match(guardsOf('Set-ManagementScope'), /\$scope\[0\]\.RecipientFilter -ne \$filter -and \$PSCmdlet\.ShouldProcess/);
  assert.match(guardsOf('Test-ServicePrincipalAuthorization'), /^if \(-not \$WhatIfPreference\)/);
});

test('a relative path of a certificate is one of the prompt’s folder, not of the folder that PowerShell was started in', () => {
  const text = script(desiredFor({ credential: { kind: 'certificate', lifetimeDays: 90, overlapDays: 7 } }), options('both'));
  assert.match(text, /X509Certificate2\]::new\(\(Convert-Path -LiteralPath \$CertificateFile\)\)/);
});
