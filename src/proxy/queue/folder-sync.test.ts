/** What a shared sync may tell to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FolderSync } from './folder-sync.ts';

/** Syncs that end when they are told to. */
function slow(): { readonly names: FolderSync; readonly under: PromiseWithResolvers<void>[] } {
  const under: PromiseWithResolvers<void>[] = [];
  const names = new FolderSync(() => {
    const one = Promise.withResolvers<void>();
    under.push(one);
    return one.promise;
  });
  return { names, under };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who asks while a sync is under way is told by one that began later, and shares it with the others', async () => {
  const { names, under } = slow();
  const told: string[] = [];
  const ask = (who: string): void => void names.sync().then(() => told.push(who));
  ask('first');
  ask('second');
  ask('third');
  await turn();
  assert.equal(under.length, 1);
  under[0]?.resolve();
  await turn();
  assert.deepEqual(told, ['first']);
  ask('fourth');
  assert.equal(under.length, 2);
  under[1]?.resolve();
  await turn();
  assert.deepEqual(told, ['first', 'second', 'third']);
  under[2]?.resolve();
  await turn();
  assert.deepEqual([told.at(-1), under.length], ['fourth', 3]);
});

test('a sync that fails is told to those who asked for it, and the next one is tried', async () => {
  const { names, under } = slow();
  const first = names.sync();
  const second = names.sync();
  under[0]?.reject(new Error('EIO'));
  await assert.rejects(first, /EIO/);
  await turn();
  under[1]?.resolve();
  await second;
  assert.equal(under.length, 2);
});
