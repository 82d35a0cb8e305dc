/**
 * A fault as a person needs it: what happened, what was seen, why, and what to do; the command of the fix with its copy button.
 * Texts of the catalogue hold code between backticks.
 */
import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleX, IconExternalLink, IconInfoCircle } from '@tabler/icons-react';
import { Fragment, type ReactNode } from 'react';
import { Link } from 'wouter';
import type { ApiFault } from '../../../src/service/api.ts';
import { ApiError, faultOf } from '../api.ts';
import { useMayHere } from '../session.tsx';
import { Command, CopyButton } from './copy-button.tsx';
import { fillIn, type Known, knownOf, pageOf } from './known.ts';

type Seen = ApiFault['evidence'];
/** More than these are opened by who wants them. */
const seenAtOnce = 4;

/** A text with code between backticks. */
export function Worded({ text }: { readonly text: string }): ReactNode {
  return text.split(/(`[^`]+`)/).map((piece, index) => {
    const code = /^`([^`]+)`$/.exec(piece)?.[1];
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text, which never move
    return <Fragment key={index}>{code === undefined ? piece : <Code>{code}</Code>}</Fragment>;
  });
}

export function SeenList({ seen }: { readonly seen: Seen }) {
  const entries = Object.entries(seen);
  if (entries.length === 0) return null;
  return (
    <dl className="seen">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="mono">{String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Told {
  readonly code: string;
  readonly says: string;
  readonly cause: string;
  readonly fix: string;
  readonly seen: Seen;
  readonly level: 'fault' | 'warning';
  /** What makes it sure or supposed, in a word; where anybody knows. */
  readonly certainty?: 'sure' | 'supposed';
  readonly because?: string | null;
  readonly commands?: readonly string[];
  /** What the page knows of what it is about, for the commands. */
  readonly known?: Known;
}

/** Everything about one fault or finding. */
export function FaultCard({ told, actions }: { readonly told: Told; readonly actions?: ReactNode }) {
  const Icon = told.level === 'fault' ? IconCircleX : IconAlertTriangle;
  const seen = Object.keys(told.seen).length;
  const known = { ...knownOf(told.seen), ...told.known };
  const fix = fillIn(told.fix, known);
  const page = pageOf(told.code, known);
  const mayAct = useMayHere('operate');
  return (
    <article className={`fault ${told.level}`} aria-label={told.says}>
      <Icon size={20} aria-hidden className="fault-icon" />
      <Stack gap={8} miw={0}>
        <Text fw={600} component="div" fz="md">
          <Worded text={told.says} />
        </Text>
        {told.certainty !== undefined && (
          <Text size="sm">
            <b>{told.certainty === 'sure' ? 'Certain' : 'Supposed'}</b>
            {told.because != null && <>: {told.because}</>}
          </Text>
        )}
        {seen > 0 && (
          <details className="fault-seen" open={seen <= seenAtOnce}>
            <summary>Seen</summary>
            <SeenList seen={told.seen} />
          </details>
        )}
        <Text size="sm">
          <b>Cause</b> <Worded text={told.cause} />
        </Text>
        <Text size="sm">
          <b>Fix</b> <Worded text={fix} />
        </Text>
        {(told.commands ?? commandsOf(fix)).map((command) => (
          <Repair key={command} text={command} />
        ))}
        <Group gap="xs" justify="space-between">
          <Group gap={4}>
            <Code>{told.code}</Code>
            <CopyButton value={asText(told)} what="the fault as text" />
          </Group>
          <Group gap="xs">
            {page !== undefined && (page.act !== true || mayAct) && (
              <Button size="xs" variant="default" component={Link} href={page.to}>
                {page.words}
              </Button>
            )}
            {actions}
          </Group>
        </Group>
      </Stack>
    </article>
  );
}

/** A command to copy; or a page elsewhere, which a repair names as `# https://…`. */
function Repair({ text }: { readonly text: string }) {
  const address = /^#?\s*(https:\/\/\S+)$/.exec(text.trim())?.[1];
  if (address === undefined) return <Command text={text} />;
  return (
    <Text size="sm">
      <a href={address} target="_blank" rel="noreferrer noopener" className="with-icon">
        {new URL(address).host}: by hand in the portal <IconExternalLink size={14} aria-label="opens in another window" />
      </a>
    </Text>
  );
}

/** A fault of the catalogue. */
export function FaultNote({
  fault,
  level = 'fault',
  known = {},
  actions,
}: {
  readonly fault: ApiFault;
  readonly level?: 'fault' | 'warning';
  readonly known?: Known;
  readonly actions?: ReactNode;
}) {
  return <FaultCard told={{ ...fault, seen: fault.evidence, level, known }} actions={actions} />;
}

/** What went wrong with a question to the service; of a form, what is wrong with which field. */
export function Problem({ error, actions }: { readonly error: unknown; readonly actions?: ReactNode }) {
  const fields = error instanceof ApiError ? error.fields : [];
  if (fields.length === 0) {
    return (
      <div role="alert">
        <FaultNote fault={faultOf(error)} actions={actions} />
      </div>
    );
  }
  return (
    <div role="alert" className="fault">
      <IconCircleX size={20} aria-hidden className="fault-icon" />
      <ul className="plain-list">
        {fields.map(({ field, says }) => (
          <li key={`${field} ${says}`}>
            <Worded text={says} />
          </li>
        ))}
      </ul>
      {actions}
    </div>
  );
}

/** One line of it: for a card that has no room. */
export function FaultLine({
  fault,
  level = 'fault',
  known = {},
}: {
  readonly fault: ApiFault;
  readonly level?: 'fault' | 'warning' | 'info';
  readonly known?: Known;
}) {
  const Icon = { fault: IconCircleX, warning: IconAlertTriangle, info: IconInfoCircle }[level];
  return (
    <div className={`fault-line is-${level}`}>
      <Icon size={16} aria-hidden />
      <div>
        <div>
          <Worded text={fault.says} />
        </div>
        <Text size="sm" c="dimmed" lineClamp={2}>
          <Worded text={fillIn(fault.fix, { ...knownOf(fault.evidence), ...known })} />
        </Text>
      </div>
    </div>
  );
}

/** Whole commands that a fix names: those are worth a copy button of their own. */
function commandsOf(fix: string): string[] {
  return [...fix.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '').filter((code) => /^(?:postern|[A-Z][a-z]+-[A-Z]\w+) \S/.test(code));
}

function asText(told: Told): string {
  const seen = Object.entries(told.seen).map(([name, value]) => `  ${name}: ${value}`);
  return [`${told.says} (${told.code})`, ...(seen.length === 0 ? [] : ['Seen:', ...seen]), `Cause: ${told.cause}`, `Fix: ${told.fix}`].join(
    '\n',
  );
}
