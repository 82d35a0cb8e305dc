/**
 * The catalogue of faults: every failure that a person can meet, once.
 *
 * Codes are `plane.condition`, stable for ever, and searchable as one literal. docs/faults.md is generated from here;
 * test/house holds the two against each other and asks for each code that something raises it and a test provokes it.
 */
import { accountsFaults } from './catalog/accounts.ts';
import { archiveFaults } from './catalog/archive.ts';
import { checkFaults } from './catalog/check.ts';
import { cliFaults } from './catalog/cli.ts';
import { completionFaults } from './catalog/completion.ts';
import { configFaults } from './catalog/config.ts';
import { definitionsFaults } from './catalog/definitions.ts';
import { exchangeAdminFaults } from './catalog/exchange-admin.ts';
import { exportFaults } from './catalog/export.ts';
import { graphFaults } from './catalog/graph.ts';
import { httpFaults } from './catalog/http.ts';
import { imapFaults } from './catalog/imap.ts';
import { importFaults } from './catalog/import.ts';
import { journalFaults } from './catalog/journal.ts';
import { networkFaults } from './catalog/network.ts';
import { popFaults } from './catalog/pop.ts';
import { proxyFaults } from './catalog/proxy.ts';
import { queueFaults } from './catalog/queue.ts';
import { reconcileFaults } from './catalog/reconcile.ts';
import { serviceFaults } from './catalog/service.ts';
import { setupFaults } from './catalog/setup.ts';
import { signInFaults } from './catalog/sign-in.ts';
import { smtpFaults } from './catalog/smtp.ts';
import { tokenFaults } from './catalog/token.ts';
import { watchFaults } from './catalog/watch.ts';
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
  ...completionFaults,
  ...archiveFaults,
  ...exportFaults,
  ...journalFaults,
  ...reconcileFaults,
  ...watchFaults,
  ...definitionsFaults,
  ...exchangeAdminFaults,
  ...graphFaults,
  ...signInFaults,
  ...setupFaults,
  ...proxyFaults,
  ...accountsFaults,
  ...serviceFaults,
  ...queueFaults,
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof catalog;
