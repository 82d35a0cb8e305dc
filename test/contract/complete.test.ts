/** What happens on the server to messages that are safe, on the sandbox and on a real Dovecot, over IMAP and POP3. */
import { completionContract } from './complete-suite.ts';
import { dovecotPlace } from './import-place-dovecot.ts';
import { sandboxPlace } from './import-place-sandbox.ts';
import { popDovecotPlace, popSandboxPlace } from './import-pop-place.ts';
import { unlessDovecot } from './places/peers.ts';

const skip = unlessDovecot('openssl');
completionContract('sandbox', { start: () => sandboxPlace(), protocol: 'imap' });
completionContract('Dovecot', { start: () => dovecotPlace(), protocol: 'imap', skip });
completionContract('sandbox over POP3', { start: () => popSandboxPlace(), protocol: 'pop3' });
completionContract('Dovecot over POP3', { start: () => popDovecotPlace(), protocol: 'pop3', skip });
