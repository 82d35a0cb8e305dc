/**
 * The frame around every page: the navigation (at the left; behind a burger on a phone), whether the console is live, who is logged in,
 * light or dark, and how many alerts are open.
 */
import { ActionIcon, Burger, Group, Menu, Text, Tooltip, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBell, IconDeviceDesktop, IconLogout, IconMoon, IconSun, IconUser } from '@tabler/icons-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import type { Overview } from '../../src/service/api.ts';
import { useLineState, useLive } from './events.tsx';
import { countText } from './parts/figures.tsx';
import { Mark } from './parts/mark.tsx';
import { useSay } from './parts/say.tsx';
import { navigation } from './routes.tsx';
import { may, useApi, useRead, useSession, useSetSession } from './session.tsx';

export function Frame({ children }: { readonly children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const [place] = useLocation();
  useAlertsSaid();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the navigation of a phone, and begins at its top
  useEffect(() => {
    close();
    window.scrollTo(0, 0);
  }, [place]);
  useEffect(() => {
    if (!opened) return undefined;
    const leave = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    window.addEventListener('keydown', leave);
    return () => window.removeEventListener('keydown', leave);
  }, [opened, close]);
  return (
    <div className="frame">
      <a href="#main" className="skip">
        Skip to content
      </a>
      <header className="header">
        <Burger
          opened={opened}
          onClick={toggle}
          hiddenFrom="sm"
          size="sm"
          aria-label={opened ? 'Close the navigation' : 'Open the navigation'}
          aria-expanded={opened}
          aria-controls="navigation"
        />
        <Link href="/" className="home" aria-label="Postern, overview">
          <Mark />
        </Link>
        <Group gap="xs" wrap="nowrap" ml="auto">
          <LiveDot />
          <Bell />
          <SchemeMenu />
          <AccountMenu />
        </Group>
      </header>
      <nav id="navigation" className={opened ? 'navbar opened' : 'navbar'} aria-label="Main">
        <Navigation place={place} />
      </nav>
      <main id="main" tabIndex={-1} className="main">
        {children}
      </main>
    </div>
  );
}

/** An alert that opens while the console is looked at is said once, whatever page is shown. */
function useAlertsSaid(): void {
  const say = useSay();
  const said = useRef(new Set<number>());
  useLive('alert', ({ alert }) => {
    const fresh = alert.cleared === null && alert.opened === alert.lastSeen && !said.current.has(alert.id);
    said.current.add(alert.id);
    if (!fresh || alert.severity === 'info') return;
    say(
      <>
        {alert.source !== null && <b>{alert.source}: </b>}
        {alert.text} <Link href="/alerts">Alerts</Link>
      </>,
      'bad',
    );
  });
}

function Navigation({ place }: { readonly place: string }) {
  const { role } = useSession();
  const alerts = useOpenAlerts();
  return navigation.map(({ title, items }) => {
    const shown = items.filter((item) => may(role, item.may));
    if (shown.length === 0) return null;
    return (
      <section key={title} className="nav-part">
        <Text size="xs" c="dimmed" fw={600} px={10} py={4}>
          {title}
        </Text>
        {shown.map(({ to, word, icon: Icon }) => {
          const here = to === '/' ? place === '/' : place === to || place.startsWith(`${to}/`);
          return (
            <Link key={to} href={to} className={here ? 'nav-link here' : 'nav-link'} aria-current={here ? 'page' : undefined}>
              <Icon size={18} stroke={1.6} aria-hidden />
              <span>{word}</span>
              {to === '/alerts' && alerts > 0 && (
                <span className="nav-count">
                  {countText(alerts)}
                  <span className="visually-hidden"> open</span>
                </span>
              )}
            </Link>
          );
        })}
      </section>
    );
  });
}

function useOpenAlerts(): number {
  return useRead<Overview>('/overview').data?.openAlerts ?? 0;
}

function LiveDot() {
  const state = useLineState();
  const words = {
    live: 'Live: what happens is shown as it happens',
    connecting: 'Connecting to the service',
    broken: 'The line to the service is interrupted; trying again',
  }[state];
  const word = { live: 'Live', connecting: 'Connecting', broken: 'Not live' }[state];
  return (
    <Tooltip label={words}>
      <span className={`live-dot ${state}`} role="status">
        <span aria-hidden className="dot" />
        <span>{word}</span>
      </span>
    </Tooltip>
  );
}

function Bell() {
  const alerts = useOpenAlerts();
  const words = alerts === 0 ? 'Alerts: none open' : `Alerts: ${alerts} open`;
  return (
    <Tooltip label={words}>
      <ActionIcon
        component={Link}
        href="/alerts"
        variant="subtle"
        color={alerts > 0 ? 'red' : 'gray'}
        size="lg"
        aria-label={words}
        className="bell"
      >
        <IconBell size={19} stroke={1.7} aria-hidden />
        {alerts > 0 && (
          <span aria-hidden className="bell-count">
            {alerts > 99 ? '99+' : alerts}
          </span>
        )}
      </ActionIcon>
    </Tooltip>
  );
}

function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = { light: IconSun, dark: IconMoon, auto: IconDeviceDesktop }[colorScheme];
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Colours: ${colorScheme}`}>
          <Icon size={19} stroke={1.7} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconSun size={16} aria-hidden />} onClick={() => setColorScheme('light')}>
          Light
        </Menu.Item>
        <Menu.Item leftSection={<IconMoon size={16} aria-hidden />} onClick={() => setColorScheme('dark')}>
          Dark
        </Menu.Item>
        <Menu.Item leftSection={<IconDeviceDesktop size={16} aria-hidden />} onClick={() => setColorScheme('auto')}>
          As the device
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function AccountMenu() {
  const session = useSession();
  const api = useApi();
  const setSession = useSetSession();
  const [, go] = useLocation();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={session.user} className="account">
          <IconUser size={19} stroke={1.7} aria-hidden />
          <span className="account-name">{session.user}</span>
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.user}, {session.role}
          <br />
          Postern {session.version}
        </Menu.Label>
        <Menu.Item leftSection={<IconUser size={16} aria-hidden />} onClick={() => go('/account')}>
          Change password
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLogout size={16} aria-hidden />}
          onClick={() => {
            // Gone or not: who leaves sees nothing any more.
            void api.del('/session').finally(() => setSession(null));
          }}
        >
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
