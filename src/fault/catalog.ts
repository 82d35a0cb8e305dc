/**
 * The catalogue of faults: every failure that a person can meet, once.
 *
 * Codes are `plane.condition`, stable for ever, and searchable as one literal. docs/faults.md is generated from here;
 * test/house holds the two against each other and asks for each code that something raises it and a test provokes it.
 */
import { archiveFaults } from './catalog/archive.ts';
import { checkFaults } from './catalog/check.ts';
import { cliFaults } from './catalog/cli.ts';
import { configFaults } from './catalog/config.ts';
import { httpFaults } from './catalog/http.ts';
import { imapFaults } from './catalog/imap.ts';
import { importFaults } from './catalog/import.ts';
import { networkFaults } from './catalog/network.ts';
import { popFaults } from './catalog/pop.ts';
import { smtpFaults } from './catalog/smtp.ts';
import { tokenFaults } from './catalog/token.ts';
import type { FaultEntry } from './entry.ts';

export const catalog = {
  ...cliFaults,
  ...configFaults,
  ...networkFaults,
  ...httpFaults,
  ...tokenFaults,
  ...imapFaults,
  ...popFaults,
  ...smtpFaults,
  ...checkFaults,
  ...importFaults,
  ...archiveFaults,
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof catalog;
