/** `postern setup verify`: the ladder for what the setup made, with the engine of `check`. */
import { type Command, exit } from './command.ts';
import { duration, json, progress, wantsColour } from './print.ts';

export const setupVerify: Command = {
  name: 'setup verify',
  summary: 'Prove that what the setup made works: token, claims, and a login to each mailbox; and that another one is refused.',
  usage: '[TENANT] [--wait 90m] [--refused MAILBOX] [--json]',
  details: `Looks with the app's own credential, as \`check\` does; nobody signs in and nothing is changed. Each mailbox of the setup
must open by its protocols, and each --refused one must not. A new pointer or grant takes minutes, at times up to 90 of
them, to arrive: with --wait it looks again as long as waiting can help, and tells "not yet" from "wrong".
Exit codes as \`check\`: 0 all is well, 3 there are faults.`,
  options: {
    wait: { type: 'string', value: 'DURATION', help: 'Look again until all is well, for at most so long, e.g. 90m.' },
    refused: { type: 'string', multiple: true, value: 'MAILBOX', help: 'This mailbox must be closed to the app.' },
  },
  run: async (args, terminal) => {
    const { Fault } = await import('../fault/fault.ts');
    const { setupTenant } = await import('./setup-wiring.ts');
    const { accountsToCheck } = await import('../check/account.ts');
    const { checkPorts, readConfiguration } = await import('./wire.ts');
    const { parseDuration } = await import('../config/quantity.ts');
    const wait = args.values['wait'];
    const waitMs = typeof wait === 'string' ? parseDuration(wait) : undefined;
    if (wait !== undefined && waitMs === undefined) {
      throw new Fault('cli.wrong-use', {
        command: 'setup verify',
        option: '--wait',
        expected: 'a duration such as 90m or 2h',
        found: String(wait),
      });
    }
    const { tenant, desired } = await setupTenant(args, terminal);
    // Once more, strictly: from here on the app has to be there.
    const config = await readConfiguration(args, terminal, { needs: tenant.name });
    const refused = [args.values['refused'] ?? []].flat().filter((one) => typeof one === 'string');
    const accounts = desired.mailboxes.flatMap(({ address, protocols }, index) =>
      accountsToCheck(config, { mailboxes: [address], refused: index === 0 ? refused : [], protocols, tenant: tenant.name }),
    );
    const { check } = await import('../check/run.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const line = progress(terminal, systemClock.monotonic);
    let looks = 0;
    const ports = checkPorts(terminal.signal, () => {
      looks += 1;
      line.show(() => `verifying: ${looks} looks`);
    });
    const waiting =
      waitMs === undefined
        ? undefined
        : {
            forMs: waitMs,
            onWait: ({ round, nextInMs, findings }: { round: number; nextInMs: number; findings: readonly { code: string }[] }) =>
              line.show(() => `round ${round}: ${findings[0]?.code ?? ''}; again in ${duration(nextInMs)}`),
          };
    const result = await check(accounts, ports, { connections: 8, sendTest: false, transcript: false }, waiting);
    line.clear();
    const { asJson, verdictOf } = await import('../check/report.ts');
    if (args.values['json'] === true) json(terminal, asJson(result));
    else {
      const { checkText } = await import('./check-text.ts');
      terminal.stdout.write(checkText(result, wantsColour(terminal)));
    }
    return { good: exit.done, faults: exit.foundFaults, configuration: exit.usage, later: exit.tryLater }[verdictOf(result.findings)];
  },
};
