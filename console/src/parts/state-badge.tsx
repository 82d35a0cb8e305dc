/** A state by word, icon and colour: nobody has to tell red from green. */
import { Badge } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCheck,
  IconClock,
  IconHourglass,
  IconKey,
  IconLock,
  IconPlayerPause,
  IconPlayerStop,
  type IconProps,
  IconSparkles,
  IconVolumeOff,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { ApiSourceState } from '../../../src/service/api.ts';

interface Look {
  readonly word: string;
  readonly color: string;
  readonly icon: ComponentType<IconProps>;
  readonly means: string;
}

export const sourceStates: Readonly<Record<ApiSourceState, Look>> = {
  new: { word: 'new', color: 'harbour', icon: IconSparkles, means: 'It has not looked into its mailbox yet.' },
  healthy: { word: 'healthy', color: 'green', icon: IconCheck, means: 'Its last look was complete and in time.' },
  late: { word: 'late', color: 'yellow', icon: IconClock, means: 'It should have looked, or have finished, by now.' },
  refused: { word: 'refused', color: 'red', icon: IconLock, means: 'The server or Entra does not let it in.' },
  throttled: { word: 'throttled', color: 'yellow', icon: IconHourglass, means: 'The server asked it to wait.' },
  silent: { word: 'silent', color: 'yellow', icon: IconVolumeOff, means: 'No message came, against its habit.' },
  expiring: { word: 'expiring', color: 'yellow', icon: IconKey, means: 'Its credential ends soon.' },
  paused: { word: 'paused', color: 'gray', icon: IconPlayerPause, means: 'A person paused it.' },
  stopped: { word: 'stopped', color: 'red', icon: IconPlayerStop, means: 'It ended and will not begin again by itself.' },
};

export function SourceStateBadge({ state }: { readonly state: ApiSourceState }) {
  const look = sourceStates[state];
  return <StateBadge color={look.color} icon={look.icon} word={look.word} title={look.means} />;
}

/** Any state; `color` is one of the theme's: green, yellow, red, gray, harbour. */
export function StateBadge({
  color,
  icon: Icon = IconAlertTriangle,
  word,
  title,
}: {
  readonly color: string;
  readonly icon?: ComponentType<IconProps>;
  readonly word: string;
  readonly title?: string;
}) {
  return (
    <Badge
      color={color}
      variant="light"
      radius="sm"
      tt="none"
      fw={600}
      leftSection={<Icon size={13} aria-hidden />}
      {...(title === undefined ? {} : { title })}
    >
      {word}
    </Badge>
  );
}
