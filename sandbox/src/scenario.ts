/**
 * The one table of named misbehaviour: what each does, how it is reached, and how well it is known. Its parts lie in `scenario/`, by kind.
 *
 * The hard thing is to have it in one place: `docs/sandbox-differences.md`, `--list` and the tenant at start are all made from it.
 */

import { appScenarios, entraSaid } from './scenario/entra.ts';
import { imapMailboxes, imapSaid } from './scenario/imap.ts';
import { placeScenarios } from './scenario/network.ts';
import { popMailboxes, popSaid } from './scenario/pop.ts';
import { clientIdOf, domain, type MailboxScenario, type SaidScenario, type Scenario } from './scenario/shape.ts';
import { smtpMailboxes, smtpSaid } from './scenario/smtp.ts';

export const mailboxScenarios: readonly MailboxScenario[] = [...imapMailboxes, ...popMailboxes, ...smtpMailboxes];
const saidScenarios: readonly SaidScenario[] = [...entraSaid, ...imapSaid, ...popSaid, ...smtpSaid];

export const scenarios: readonly Scenario[] = [...appScenarios, ...mailboxScenarios, ...saidScenarios, ...placeScenarios];
export * from './scenario/shape.ts';
export { appScenarios, placeScenarios };

export function scenarioNamed(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}

/** How to reach a scenario, in words. */
export function howToReach(scenario: Scenario): string {
  switch (scenario.reach) {
    case 'app':
      return `client id ${clientIdOf(scenario.number)}`;
    case 'mailbox':
      return `mailbox ${scenario.name}@${domain}`;
    case 'place':
      return `--scenario ${scenario.name}, or the hosts and ports under \`places\` in the JSON`;
    default:
      return scenario.how;
  }
}
