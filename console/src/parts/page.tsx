/**
 * The frame of every page: its title for the tab and as the one heading, the actions beside it, and the state of what it reads.
 * When a page opens its heading takes the focus, so that a screen reader begins there and the next Tab stands in the page.
 */
import { Center, Group, Loader, Stack, Text, Title } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useRef } from 'react';
import { Problem } from './fault.tsx';

/** Whether the person has gone from one page to another. On the first page the focus stays where the browser begins. */
export const MovedContext = createContext(false);

export function Page({
  title,
  subtitle,
  actions,
  children,
  fill = false,
  focus = true,
}: {
  readonly title: string;
  readonly subtitle?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** The page fills the height of the window and scrolls inside. */
  readonly fill?: boolean;
  readonly focus?: boolean;
}) {
  return (
    <Stack gap="md" className={fill ? 'page fill' : 'page'}>
      <PageTitle title={title} subtitle={subtitle} actions={actions} focus={focus} />
      {children}
    </Stack>
  );
}

export function PageTitle({
  title,
  subtitle,
  actions,
  focus = true,
}: {
  readonly title: string;
  readonly subtitle?: ReactNode;
  readonly actions?: ReactNode;
  readonly focus?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const moved = useContext(MovedContext);
  useEffect(() => {
    document.title = `${title} · Postern`;
  }, [title]);
  useEffect(() => {
    if (focus && moved) heading.current?.focus({ preventScroll: true });
  }, [focus, moved]);
  return (
    <Group justify="space-between" align="flex-start" gap="sm">
      <div className="page-title">
        <Title order={1} ref={heading} tabIndex={-1}>
          {title}
        </Title>
        {subtitle !== undefined && (
          <Text component="div" c="dimmed">
            {subtitle}
          </Text>
        )}
      </div>
      {actions !== undefined && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}

/** Shows what was read, or why not yet, or why not. */
export function Loaded<T>({ query, children }: { readonly query: UseQueryResult<T>; readonly children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <Problem error={query.error} />;
  return <Loading />;
}

export function Loading() {
  return (
    <Center mih={160}>
      <Loader size="sm" aria-label="Loading" />
    </Center>
  );
}
