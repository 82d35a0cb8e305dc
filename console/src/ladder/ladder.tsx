/**
 * The ladder of a test: each rung from the name to the opened mailbox with what was seen, and under it what is wrong with its cause, its
 * fix and the commands that repair it. Each state is an icon and a word; a live region says what moves, without reading it all again.
 */
import { Badge, Group, Loader, Stack, Text, VisuallyHidden } from '@mantine/core';
import { IconCheck, IconCircleDashed, IconCircleX, IconMinus } from '@tabler/icons-react';
import type { Rung, SourceTest } from '../../../src/service/api.ts';
import { FaultCard, SeenList, Worded } from '../parts/fault.tsx';
import { durationText } from '../parts/figures.tsx';

const outcomes = {
  waiting: { word: 'waiting', color: 'gray' },
  running: { word: 'running', color: 'harbour' },
  ok: { word: 'ok', color: 'green' },
  refused: { word: 'refused', color: 'red' },
  'not-run': { word: 'not run', color: 'gray' },
} as const;

const verdicts = {
  good: { words: 'Everything holds.', tone: 'good' },
  faults: { words: 'Something does not hold.', tone: 'bad' },
  configuration: { words: 'The definition itself is not right yet.', tone: 'bad' },
  later: { words: 'Nothing can be said now: the other side asked to wait, or did not answer. Try again later.', tone: 'warn' },
  stopped: { words: 'The test was stopped.', tone: 'warn' },
} as const;

export function Ladder({ test }: { readonly test: SourceTest }) {
  const at = test.rungs.find(({ outcome }) => outcome === 'running');
  const verdict = test.verdict === null ? undefined : verdicts[test.verdict];
  return (
    <Stack gap="sm" className="ladder">
      <VisuallyHidden role="status">
        {test.ended ? `Test ended. ${verdict?.words ?? ''}` : at === undefined ? 'Test running' : `Testing: ${at.title}`}
      </VisuallyHidden>
      {verdict !== undefined && (
        <Group className={`verdict ${verdict.tone}`} gap="xs" wrap="nowrap">
          {verdict.tone === 'good' ? <IconCheck size={18} aria-hidden /> : <IconCircleX size={18} aria-hidden />}
          <Text fw={600}>{verdict.words}</Text>
          {test.tookMs !== null && (
            <Text c="dimmed" size="sm" className="right" ml="auto">
              {durationText(test.tookMs / 1000)}
            </Text>
          )}
        </Group>
      )}
      {test.findings.length > 0 && (
        <Stack gap="sm" component="section" aria-label="Findings">
          {test.findings.map((finding) => (
            <FaultCard
              key={`${finding.code} ${finding.says}`}
              told={{ ...finding, commands: finding.repair }}
              {...(finding.probes.length === 0 ? {} : { actions: <Explains probes={finding.probes} rungs={test.rungs} /> })}
            />
          ))}
        </Stack>
      )}
      <ol className="rungs" aria-label="Test result" aria-busy={!test.ended}>
        {test.rungs.map((rung, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a rung is its place on the ladder
          <RungLine key={index} rung={rung} />
        ))}
      </ol>
    </Stack>
  );
}

function RungLine({ rung }: { readonly rung: Rung }) {
  const { word, color } = outcomes[rung.outcome];
  return (
    <li className={`rung ${rung.outcome}`}>
      <span className="rung-icon">
        <RungIcon outcome={rung.outcome} />
      </span>
      <div className="rung-text">
        <Group gap={6} justify="space-between" wrap="nowrap" align="baseline">
          <Text component="span" fw={600}>
            {rung.title}
          </Text>
          <Group gap={6} wrap="nowrap">
            {rung.tookMs !== null && (
              <Text component="span" size="xs" c="dimmed" className="right">
                {durationText(rung.tookMs / 1000)}
              </Text>
            )}
            <Badge color={color} variant="light" radius="sm" tt="none" size="sm">
              {word}
            </Badge>
          </Group>
        </Group>
        <RungSays rung={rung} />
      </div>
    </li>
  );
}

/** In one line what was seen; opened, all of it. */
function RungSays({ rung }: { readonly rung: Rung }) {
  const text = rung.says === '' ? (rung.because ?? '') : rung.says;
  const seen = { ...(rung.place === '' ? {} : { place: rung.place }), ...rung.seen };
  if (Object.keys(rung.seen).length === 0) {
    return text === '' ? null : (
      <Text size="sm">
        <Worded text={text} />
      </Text>
    );
  }
  return (
    <details className="rung-says">
      <summary>
        <Worded text={text === '' ? 'what was seen' : text} />
      </summary>
      <SeenList seen={seen} />
    </details>
  );
}

function RungIcon({ outcome }: { readonly outcome: Rung['outcome'] }) {
  switch (outcome) {
    case 'ok':
      return <IconCheck size={18} aria-hidden />;
    case 'refused':
      return <IconCircleX size={18} aria-hidden />;
    case 'running':
      return <Loader size={16} aria-hidden />;
    case 'waiting':
      return <IconCircleDashed size={18} aria-hidden />;
    case 'not-run':
      return <IconMinus size={18} aria-hidden />;
  }
}

function Explains({ probes, rungs }: { readonly probes: readonly string[]; readonly rungs: readonly Rung[] }) {
  const titles = [...new Set(rungs.filter(({ probe }) => probes.includes(probe)).map(({ title }) => title))];
  if (titles.length === 0) return null;
  return (
    <Text size="sm" c="dimmed">
      explains: {titles.join(', ')}
    </Text>
  );
}
