/**
 * Stands in for PowerShell 7 with the Exchange module: answers Postern's lines by asking the sandbox for the same cmdlets.
 *
 * FAKE_PWSH says how it misbehaves: `no-module`, `die-in=CMDLET`. A list of one is written as the one, as PowerShell does.
 */
import { request } from 'node:https';
import { createInterface } from 'node:readline';

const { POSTERN_MARK: mark, FAKE_PWSH: mode = '', FAKE_EXCHANGE: origin, FAKE_TENANT: tenant } = process.env;
const single = (list) => (list.length === 1 ? list[0] : list);
let token = '';

process.stdout.write('WARNING: this line is none of ours\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { id, cmdlet, parameters } = JSON.parse(line);
  process.stdout.write(`${mark}${JSON.stringify({ id, ...(await answer(cmdlet, parameters)) })}\n`);
}

async function answer(cmdlet, parameters) {
  if (cmdlet === 'Connect-ExchangeOnline') {
    if (mode === 'no-module') {
      const text = "The specified module 'ExchangeOnlineManagement' was not loaded because no valid module file was found.";
      return { error: { type: 'System.IO.FileNotFoundException', text } };
    }
    token = parameters.AccessToken;
    return { rows: [], warnings: [] };
  }
  if (cmdlet === 'Get-Command') {
    const { value } = await ask('GET', `/adminapi/v1.0/${tenant}/EXOModuleFile?Version=3.5.0`);
    return { rows: value[0].exportedCmdlets.split(',').map((Name) => ({ Name })) };
  }
  const body = await ask('POST', `/adminapi/beta/${tenant}/InvokeCommand`, { CmdletInput: { CmdletName: cmdlet, Parameters: parameters } });
  if (mode === `die-in=${cmdlet}`) process.exit(3);
  if (body.error) {
    const [, type, ...text] = body.error.details[0].message.split('|');
    return { error: { type, text: text.join('|') } };
  }
  return { rows: single(body.value ?? []), warnings: single(body['@adminapi.warnings'] ?? []) };
}

function ask(method, path, body) {
  return new Promise((done, fail) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    request(`${origin}${path}`, { method, headers }, async (came) => {
      let text = '';
      for await (const chunk of came.setEncoding('utf8')) text += chunk;
      done(text === '' ? {} : JSON.parse(text));
    })
      .on('error', fail)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}
