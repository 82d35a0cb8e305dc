/** The reconciliation's promises, kept against a real Dovecot over IMAP and POP3. */
import { dovecotPlace } from './import-place-dovecot.ts';
import { popDovecotPlace } from './import-pop-place.ts';
import { unlessDovecot } from './places/peers.ts';
import { reconcileContract } from './reconcile-suite.ts';

const skip = unlessDovecot('openssl');
reconcileContract('Dovecot', () => dovecotPlace(), skip);
reconcileContract('Dovecot over POP3', () => popDovecotPlace(), skip, true);
