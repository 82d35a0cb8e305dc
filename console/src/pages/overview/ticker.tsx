/** What happens just now, newest first: what the sources say of themselves. Only the last lines, and read out politely. */
import { Text, Title } from '@mantine/core';
import { useRef, useState } from 'react';
import { useLive } from '../../events.tsx';
import { exactText } from '../../parts/figures.tsx';

const most = 12;

interface Line {
  readonly key: number;
  readonly at: string;
  readonly source: string | null;
  readonly text: string;
  readonly wrong: boolean;
}

export function Ticker() {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const count = useRef(0);
  function add(line: Omit<Line, 'key'>): void {
    count.current += 1;
    const key = count.current;
    setLines((before) => [{ ...line, key }, ...before].slice(0, most));
  }
  useLive('talk', ({ at, source, text, fault }) => add({ at, source, text, wrong: fault !== null }));
  return (
    <section className="panel ticker" aria-labelledby="overview-ticker">
      <Title order={2} id="overview-ticker" mb="xs">
        Just now
      </Title>
      {lines.length === 0 ? (
        <Text c="dimmed" size="sm">
          What arrives while this page is open is told here.
        </Text>
      ) : (
        <ol aria-live="polite" aria-relevant="additions">
          {lines.map(({ key, at, source, text, wrong }) => (
            <li key={key} className={wrong ? 'wrong' : ''}>
              <time dateTime={at} className="figures">
                {exactText(at).slice(-8)}
              </time>
              <span>
                {source !== null && <b>{source}</b>} {text}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
