/** What is shown of a source of the configuration file to whoever may read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceDetail } from '../../src/service/api/source.ts';
import { startServicePlace } from './service-place.ts';

test('of a command that fetches a secret nobody is shown more than the program: its arguments may hold one', async () => {
  const place = await startServicePlace({
    yaml: ({ imap, mailbox }) => `sources:
  by-command: { mailbox: ${mailbox}, server: ${imap}, every: 1h, auth: { password: { command: [/bin/echo, --token, argument-s3cret] } } }
`,
  });
  try {
    const auditor = await place.as('auditor');
    const answers = [await auditor('GET', '/sources/by-command'), await auditor('GET', '/sources/by-command/definition')];
    assert.match(answers[0]?.as(sourceDetail).yaml ?? '', /command:\n\s+- \/bin\/echo\n\s+- …\n/);
    for (const { status, text } of [...answers, await auditor('GET', '/sources'), await auditor('GET', '/access')]) {
      assert.equal(status, 200, text);
      assert.ok(!text.includes('argument-s3cret') && !text.includes('--token'), text);
    }
  } finally {
    await place.close();
  }
});
