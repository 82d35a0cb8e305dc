/** What the queue asks of the disk, and when: the system's calls themselves, as Node makes them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Spool } from '../../src/proxy/queue/spool.ts';
import { transcriptWishPath, writeTranscriptWish } from '../../src/proxy/transcript/wish.ts';

const envelope = {
  client: 'c',
  mailbox: 'm@contoso.test',
  tenant: 't',
  from: 'm@contoso.test',
  recipients: ['r@example.test'],
  smtpUtf8: false,
};
const atOnce = 40;

/** In their order: `sync NAME`, `rename FROM TO`, `said ID`, and `blocked` for a sync that everybody waits for. */
const calls: string[] = [];
const names = new Map<number, string>();
let restore: () => void;
let folder: string;

before(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'postern-queue-disk-'));
  const handle = await open(folder, 'r');
  const prototype: { sync: FileHandle['sync'] } = Object.getPrototypeOf(handle);
  await handle.close();
  const real = { open: fs.promises.open, rename: fs.promises.rename, sync: prototype.sync, fsyncSync: fs.fsyncSync };
  fs.promises.open = async (path, ...rest) => {
    const opened = await real.open(path, ...rest);
    names.set(opened.fd, basename(String(path)));
    return opened;
  };
  prototype.sync = async function (this: FileHandle) {
    const name = names.get(this.fd) ?? '';
    calls.push(`begin ${name}`);
    await real.sync.call(this);
    calls.push(`sync ${name}`);
  };
  fs.promises.rename = async (from, to) => {
    await real.rename(from, to);
    calls.push(`rename ${basename(String(to))}`);
  };
  fs.fsyncSync = (file) => {
    calls.push('blocked');
    real.fsyncSync(file);
  };
  syncBuiltinESMExports();
  restore = () => {
    Object.assign(fs.promises, { open: real.open, rename: real.rename });
    prototype.sync = real.sync;
    fs.fsyncSync = real.fsyncSync;
    syncBuiltinESMExports();
  };
});
after(() => {
  restore();
  fs.rmSync(folder, { recursive: true, force: true });
});

test('a message is acknowledged when its bytes, their name, its note and the name of that are synced, in this order; messages at once share syncs, and nobody else waits for one', async () => {
  const spool = new Spool(folder);
  await spool.prepare(Date.now());
  const takes = Array.from({ length: atOnce }, async (_, index) => {
    const incoming = await spool.begin(envelope, Date.now(), 60_000);
    await incoming.write(Buffer.from(`Subject: ${index}\r\n\r\nwords\r\n`));
    const { id } = await incoming.commit();
    calls.push(`said ${id}`);
    return id;
  });
  const place = basename(folder);
  for (const id of await Promise.all(takes)) {
    const bytes = calls.indexOf(`sync ${id}.part`);
    const named = calls.indexOf(`rename ${id}.eml`);
    const noted = calls.findIndex((call) => call.startsWith(`sync ${id}.json.`));
    const exists = calls.indexOf(`rename ${id}.json`);
    const said = calls.indexOf(`said ${id}`);
    /** A whole sync of the folder, from its begin to its end, between the two. */
    const syncedBetween = (from: number, to: number): boolean => {
      const begun = calls.indexOf(`begin ${place}`, from);
      const ended = begun < 0 ? -1 : calls.indexOf(`sync ${place}`, begun);
      return ended >= 0 && ended < to;
    };
    assert.ok(bytes >= 0 && bytes < named, `the bytes of ${id}`);
    assert.ok(noted >= 0 && noted < exists, `the note of ${id}`);
    assert.ok(syncedBetween(named, exists), `the name of the bytes of ${id}`);
    assert.ok(syncedBetween(exists, said), `the name of the note of ${id}`);
  }
  assert.ok(!calls.includes('blocked'));
  const shared = calls.filter((call) => call === `sync ${place}`).length;
  assert.ok(shared < atOnce, `${shared} syncs of the folder for ${atOnce} messages`);
  const [first] = await spool.list();
  assert.ok(first);
  await spool.note({ ...first, tries: 1 });
  await spool.remove(first.id);
  assert.ok(!calls.includes('blocked'));
});

test('what root changes beside the proxy belongs to whose folder it is', {
  skip: process.getuid?.() === 0 ? false : 'not root',
}, async () => {
  const owned = fs.mkdtempSync(join(folder, 'owned-'));
  fs.chownSync(owned, 12_345, 12_345);
  const spool = new Spool(owned);
  const incoming = await spool.begin(envelope, Date.now(), 60_000);
  const { id } = await incoming.commit();
  await spool.retry(id, Date.now());
  writeTranscriptWish(owned, { untilMs: Date.now(), networks: [], clients: [] });
  for (const path of [join(owned, `${id}.json`), transcriptWishPath(owned)]) {
    const { uid, gid, mode } = fs.statSync(path);
    assert.deepEqual([uid, gid, mode & 0o777], [12_345, 12_345, 0o600], path);
  }
});
