import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../runtime/secret.ts';
import { decodeChallenge, plain, xoauth2 } from './sasl.ts';

test('the XOAUTH2 response is the one of the published test vector', () => {
  const response = xoauth2('test@contoso.onmicrosoft.com', new Secret('EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA'));
  assert.equal(
    response.reveal(),
    'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==',
  );
  assert.equal(String(response), '[secret]');
});

test('the PLAIN response has an empty authorization identity', () => {
  assert.equal(Buffer.from(plain('tim', new Secret('tanstaaftanstaaf')).reveal(), 'base64').toString(), '\0tim\0tanstaaftanstaaf');
});

test('a challenge tells status, schemes and scope, whatever else it says', () => {
  const base64 = Buffer.from('{"status":401,"schemes":"bearer mac","scope":"https://mail.example/","x":{}}').toString('base64');
  assert.deepEqual(decodeChallenge(base64), { status: '401', schemes: 'bearer mac', scope: 'https://mail.example/' });
});

test('a challenge that is no JSON object is unreadable, and that is all', () => {
  for (const text of ['', '!!!', Buffer.from('nope').toString('base64'), Buffer.from('3').toString('base64')]) {
    assert.equal(decodeChallenge(text), undefined);
  }
});
