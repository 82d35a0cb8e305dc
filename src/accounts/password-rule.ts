/**
 * Which passwords are not taken. Length is what counts (NIST SP 800-63B §3.1.1.2: no rules of composition); besides it only what a
 * guesser tries first: the user's own name, the product's, one sign or a row of keys over and over.
 */
import type { Secret } from '../runtime/secret.ts';

const leastLength = 12;
const mostLength = 200;
const rows = [
  '01234567890123456789',
  '98765432109876543210',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
];
const first = ['password', 'passwort', 'postern', 'welcome', 'letmein', 'changeme', 'administrator', 'admin', 'secret', 'iloveyou'];

/** What is wrong with it, in words that do not repeat it; undefined: it is taken. */
export function passwordObjection(user: string, password: Secret): string | undefined {
  // Looked at here, and kept nowhere.
  const text = password.reveal().normalize('NFC');
  if ([...text].length < leastLength) return `it has fewer than ${leastLength} characters`;
  if (text.length > mostLength) return `it has more than ${mostLength} characters`;
  const plain = text.toLowerCase().replaceAll(/[\s\d!?.,_#*-]/g, '');
  const letters = text.toLowerCase().replaceAll(/[^\p{L}\d]/gu, '');
  if (new Set(letters === '' ? text : letters).size <= 2) return 'it repeats one or two signs';
  if (rows.some((row) => row.includes(letters))) return 'it is a row of the keyboard';
  const words = [user.toLowerCase().replace(/@.*$/, ''), user.toLowerCase(), ...first];
  if (words.some((word) => word.length > 2 && plain.replaceAll(word.replaceAll(/[\d._-]/g, '') || word, '') === ''))
    return 'it is made of the user name or of a word that is tried first';
  return undefined;
}
