/** A small siege of the proxy; the full number is in proxy.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unlessPeers } from '../contract/places/peers.ts';
import { besiege, isBounded } from './proxy.ts';

test('hundreds of connections that never log in are held in bounded memory, and an application is served meanwhile', {
  skip: unlessPeers('openssl'),
}, async () => {
  const connections = 400;
  const result = await besiege(connections);
  assert.ok(isBounded(result, connections), JSON.stringify(result));
  assert.equal(result.held, connections);
});
