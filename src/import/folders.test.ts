import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FolderChoice, FolderPattern } from '../config/config.ts';
import { chosenFolders, exactly, namesOf, patternText } from './folders.ts';
import type { ListedFolder } from './mailbox.ts';

function listed(name: string, attributes: readonly string[] = [], separator: string | undefined = '/'): ListedFolder {
  return { name, separator, attributes: new Set(attributes), selectable: !attributes.includes('\\noselect') };
}

/** `name`, `a*`, `\Sent`, `!left out`. */
function choice(...words: readonly string[]): FolderChoice {
  const pattern = (word: string): FolderPattern => {
    if (word.startsWith('\\')) return { kind: 'special-use', use: word };
    return /[*%]/.test(word) ? { kind: 'glob', glob: word } : { kind: 'name', name: word };
  };
  return {
    include: words.filter((word) => !word.startsWith('!')).map(pattern),
    exclude: words.filter((word) => word.startsWith('!')).map((word) => pattern(word.slice(1))),
  };
}

const mailbox = [
  listed('INBOX'),
  listed('INBOX/Texts'),
  listed('Archive', ['\\archive']),
  listed('Archive/2025'),
  listed('Archive/2025/Q1'),
  listed('Archive/2026'),
  listed('Gesendete Elemente', ['\\sent', '\\hasnochildren']),
  listed('Groups', ['\\noselect']),
  listed('Groups/a.b+c'),
  listed('inbox of others'),
];

function chosen(...words: readonly string[]): readonly string[] {
  return chosenFolders(choice(...words), mailbox).folders;
}

test('a star crosses levels, a percent sign stays within one', () => {
  assert.deepEqual(chosen('Archive*'), ['Archive', 'Archive/2025', 'Archive/2025/Q1', 'Archive/2026']);
  assert.deepEqual(chosen('Archive/%'), ['Archive/2025', 'Archive/2026']);
  assert.deepEqual(chosen('%'), ['INBOX', 'Archive', 'Gesendete Elemente', 'inbox of others']);
  assert.deepEqual(chosen('%/20%'), ['Archive/2025', 'Archive/2026']);
  assert.deepEqual(chosenFolders(choice('a%'), [listed('a.b', [], undefined)]).folders, ['a.b']);
});

test('all signs but the two stand for themselves', () => {
  assert.deepEqual(chosen('Groups/a.b+c*'), ['Groups/a.b+c']);
  assert.deepEqual(chosen('Groups/aXb+c*'), []);
  assert.deepEqual(chosenFolders(choice('%-[1]'), [listed('x-[1]', [], '-'), listed('y[1]', [], '-')]).folders, ['x-[1]']);
});

test('case does not count in INBOX and counts everywhere else', () => {
  assert.deepEqual(chosen('inb*'), ['INBOX', 'inbox of others']);
  assert.deepEqual(chosen('archive*'), []);
  assert.deepEqual(chosen('Inbox'), ['INBOX']);
});

test('a special use finds a folder by its attribute, in whatever case and language', () => {
  assert.deepEqual(chosen('\\Sent', 'INBOX'), ['Gesendete Elemente', 'INBOX']);
  assert.deepEqual(chosenFolders(choice('\\Junk'), mailbox), { folders: [], unmatched: [{ kind: 'special-use', use: '\\Junk' }] });
});

test('what is left out is left out however it was found, and a folder comes once', () => {
  assert.deepEqual(chosen('Archive*', 'Archive', '\\Archive', '!Archive/2025*'), ['Archive', 'Archive/2026']);
  assert.deepEqual(chosen('*', '!\\Sent', '!Archive*', '!inbox'), ['INBOX/Texts', 'Groups/a.b+c', 'inbox of others']);
});

test('a pattern whose every folder is left out has found something all the same', () => {
  assert.deepEqual(chosenFolders(choice('Archive/2025', 'Archive/2%', '!Archive/*'), mailbox), { folders: [], unmatched: [] });
});

test('a folder that cannot be opened is found by no pattern; by its name it is asked for, so that the server says why', () => {
  assert.deepEqual(chosen('Groups%'), []);
  assert.deepEqual(chosen('Groups', 'Nowhere'), ['Groups', 'Nowhere']);
});

test('the folder that mail is moved to is found by no pattern, but by its name', () => {
  assert.deepEqual(chosenFolders(choice('Archive/%'), mailbox, 'Archive/2025').folders, ['Archive/2026']);
  assert.deepEqual(chosenFolders(choice('Archive/2025'), mailbox, 'Archive/2025').folders, ['Archive/2025']);
});

test('the server is asked for a list only where names do not say it all', () => {
  assert.deepEqual(namesOf(exactly(['inbox', 'INBOX', 'Archive'])), ['INBOX', 'Archive']);
  assert.deepEqual(namesOf(choice('INBOX', 'Archive', '!Archive')), ['INBOX']);
  assert.equal(namesOf(choice('INBOX', '\\Sent')), undefined);
  assert.equal(namesOf(choice('INBOX', '!*x')), undefined);
});

test('a pattern is told as it was written', () => {
  assert.deepEqual(choice('a', 'b*', '\\Sent').include.map(patternText), ['a', 'b*', '\\Sent']);
});
