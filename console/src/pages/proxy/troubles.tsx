/** What went wrong at the proxy lately, newest first; each opens into its fault with the fix. */
import { Text, Title } from '@mantine/core';
import type { ProxyTrouble } from '../../../../src/service/api.ts';
import { FaultNote, Worded } from '../../parts/fault.tsx';
import { Instant } from '../../parts/figures.tsx';

const kinds: Readonly<Record<ProxyTrouble['kind'], string>> = {
  'login-refused': 'wrong login',
  'login-failed': 'login failed',
  'session-fault': 'session',
  locked: 'locked',
  pause: 'pause',
  'turned-away': 'turned away',
  'not-sent': 'not sent',
  fault: 'fault',
};

export function Troubles({ troubles }: { readonly troubles: readonly ProxyTrouble[] }) {
  return (
    <section aria-labelledby="proxy-troubles">
      <Title order={2} id="proxy-troubles" mb={6}>
        Lately
      </Title>
      {troubles.length === 0 ? (
        <Text c="dimmed">Nothing went wrong since the start.</Text>
      ) : (
        <ol className="panel troubles">
          {troubles.map((trouble, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the same may happen twice in a millisecond
            <li key={`${trouble.at} ${index}`}>
              {trouble.fault === null ? (
                <Line trouble={trouble} />
              ) : (
                <details>
                  <summary>
                    <Line trouble={trouble} />
                  </summary>
                  <FaultNote fault={trouble.fault} />
                </details>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Line({ trouble }: { readonly trouble: ProxyTrouble }) {
  return (
    <>
      <Instant at={trouble.at} /> <b>{kinds[trouble.kind]}</b>
      {trouble.fault !== null && (
        <>
          {' '}
          <Worded text={trouble.fault.says} />
        </>
      )}{' '}
      <span className="mono">{whoAndWhere(trouble.text)}</span>
    </>
  );
}

/** Of a line of the log what names the login: its first words are the kind, and from the code on it is the fault. */
function whoAndWhere(text: string): string {
  return text.replace(/^[^:=]+: /, '').replace(/ code=.*$/s, '');
}
