/**
 * Messages: the search, what narrows it, what it finds, and the one that is being read.
 *
 * The hard thing is the room: at 1280 px list and reading pane stand side by side and the filters make place for them; on a phone one of
 * them is shown. What is searched, in which order, and what is open stand in the address, so that it can be sent to somebody.
 */
import { Button, Drawer, Group, SegmentedControl, Text } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { IconDownload, IconFilter, IconMailbox, IconMoodEmpty } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { Overview } from '../../../../src/service/api.ts';
import { Empty } from '../../parts/empty.tsx';
import { Problem } from '../../parts/fault.tsx';
import { countOf, countText } from '../../parts/figures.tsx';
import { Loading, Page } from '../../parts/page.tsx';
import { useMay, useRead } from '../../session.tsx';
import { MessageView } from '../message/message-view.tsx';
import { Facets } from './facets.tsx';
import styles from './messages.module.css';
import { ResultList } from './result-list.tsx';
import { SearchBox } from './search-box.tsx';
import { type Counts, type News, type Order, type Results, useCounts, useNews, useResults } from './use-messages.ts';

function address(q: string, order: Order, open?: string): string {
  const words = new URLSearchParams();
  if (q !== '') words.set('q', q);
  if (order !== 'sent') words.set('order', order);
  if (open !== undefined) words.set('open', open);
  const tail = words.toString();
  return `/messages${tail === '' ? '' : `?${tail}`}`;
}

export function MessagesPage() {
  const [words] = useSearchParams();
  const [, go] = useLocation();
  const q = words.get('q') ?? '';
  const order: Order = words.get('order') === 'arrival' ? 'arrival' : 'sent';
  const open = words.get('open') ?? undefined;
  const results = useResults(q, order);
  const isGood = !results.isLoading && results.error === null && results.problem === null;
  const counts = useCounts(q, isGood);
  const news = useNews(q, isGood ? results.newest : undefined);
  const { again } = results;
  const fillsItself = isGood && results.rows.length === 0 && news.count > 0;
  useEffect(() => {
    if (fillsItself) again();
  }, [fillsItself, again]);
  const [drawer, { open: openDrawer, close: closeDrawer }] = useDisclosure(false);
  const isWide = useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false });
  const isRoomy = useMediaQuery('(min-width: 100em)', true, { getInitialValueInEffect: false });
  const frame = useRef<HTMLDivElement>(null);
  const cameFrom = useRef(open);
  useEffect(() => {
    if (open === undefined) return;
    cameFrom.current = open;
    // On a phone the list is gone, and the focus with it.
    if (!isWide) frame.current?.querySelector<HTMLElement>('[data-pane]')?.focus();
  }, [open, isWide]);

  const search = (text: string): void => go(address(text, order));
  const filtersAside = isRoomy || (isWide && open === undefined);
  const facets = <Facets q={q} facets={counts.facets} onSearch={search} />;

  function close(): void {
    const from = frame.current?.querySelector<HTMLElement>('[aria-current="true"]');
    go(address(q, order));
    // The link that led here is where the keyboard goes on.
    from?.focus();
  }

  const list = (
    <section className={styles['results']} aria-label="Results">
      <ResultHead results={results} counts={counts} news={news} onNews={again} />
      <Found q={q} order={order} open={open} cameFrom={cameFrom.current} results={results} onEscape={close} onSearch={search} />
    </section>
  );
  const pane = open !== undefined && (
    <section className={styles['pane']} aria-label="Reading pane" tabIndex={-1} data-pane>
      <MessageView
        key={open}
        id={open}
        headingOrder={2}
        onClose={close}
        closeWord={isWide ? 'Close' : 'Back to the results'}
        neighbours={neighbours(results, open, (id) => address(q, order, id))}
      />
    </section>
  );
  return (
    <Page title="Messages" fill={isWide} actions={<ExportLink q={q} disabled={!isGood || results.rows.length === 0} />}>
      <SearchBox q={q} problem={results.problem} problemAt={results.problemAt} facets={counts.facets} onSearch={search}>
        {isWide && <OrderChoice order={order} onChoose={(one) => go(address(q, one, open))} />}
        {!filtersAside && (
          <Button variant="default" leftSection={<IconFilter size={16} aria-hidden />} onClick={openDrawer}>
            Filters
          </Button>
        )}
      </SearchBox>
      <div ref={frame} className={styles['columns']}>
        {filtersAside && (
          <section className={styles['filters']} aria-label="Filters">
            {facets}
          </section>
        )}
        {(isWide || open === undefined) && list}
        {pane}
      </div>
      <Drawer opened={drawer && !filtersAside} onClose={closeDrawer} title="Filters" size="xs" closeButtonProps={{ 'aria-label': 'Close' }}>
        {!isWide && (
          <Group mb="md">
            <OrderChoice order={order} onChoose={(one) => go(address(q, one, open))} />
          </Group>
        )}
        {facets}
      </Drawer>
    </Page>
  );
}

function neighbours(results: Results, open: string, hrefOf: (id: string) => string) {
  const at = results.rows.findIndex(({ id }) => id === open);
  const before = at > 0 ? results.rows[at - 1] : undefined;
  const after = at >= 0 ? results.rows[at + 1] : undefined;
  return { before: before && hrefOf(before.id), after: after && hrefOf(after.id) };
}

function OrderChoice({ order, onChoose }: { readonly order: Order; readonly onChoose: (order: Order) => void }) {
  return (
    <SegmentedControl
      size="sm"
      aria-label="Order"
      value={order}
      onChange={(value) => onChoose(value === 'arrival' ? 'arrival' : 'sent')}
      data={[
        { value: 'sent', label: 'Newest sent' },
        { value: 'arrival', label: 'Newest arrived' },
      ]}
    />
  );
}

function ExportLink({ q, disabled }: { readonly q: string; readonly disabled: boolean }) {
  if (disabled) return null;
  return (
    <Button
      component={Link}
      href={`/exports?new=1&q=${encodeURIComponent(q)}`}
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
    >
      Export these
    </Button>
  );
}

function ResultHead({
  results,
  counts,
  news,
  onNews,
}: {
  readonly results: Results;
  readonly counts: Counts;
  readonly news: News;
  readonly onNews: () => void;
}) {
  const { facets, isExact } = counts;
  const total =
    facets === undefined || !isExact
      ? results.hasMore
        ? `${countText(results.rows.length)} and more`
        : countOf(results.rows.length, 'message')
      : facets.complete
        ? countOf(facets.messages, 'message')
        : `more than ${countOf(facets.messages, 'message')}`;
  const isShown = !results.isLoading && results.problem === null && results.error === null;
  return (
    <div className={styles['head']} aria-live="polite">
      {isShown && (
        <Text size="sm" fw={600} className="figures">
          {total}
        </Text>
      )}
      {isShown && results.lag > 0 && (
        <Text size="sm" c="dimmed" title="They are durable, and not searchable yet: what they hold cannot be found in this moment.">
          {countText(results.lag)} more being read
        </Text>
      )}
      {news.count > 0 && (
        <Button size="compact-sm" radius="xl" onClick={onNews} className={styles['news'] ?? ''}>
          {countText(news.count)}
          {news.more ? '+' : ''} new {news.count === 1 && !news.more ? 'message' : 'messages'}
        </Button>
      )}
    </div>
  );
}

function Found({
  q,
  order,
  open,
  cameFrom,
  results,
  onEscape,
  onSearch,
}: {
  readonly q: string;
  readonly order: Order;
  readonly open: string | undefined;
  readonly cameFrom: string | undefined;
  readonly results: Results;
  readonly onEscape: () => void;
  readonly onSearch: (q: string) => void;
}) {
  if (results.error !== null) return <Problem error={results.error} actions={<Button onClick={results.again}>Ask again</Button>} />;
  if (results.isLoading) return <Loading />;
  if (results.problem !== null) {
    return (
      <Empty icon={<IconMoodEmpty size={32} aria-hidden />} title="Nothing was searched">
        The search above cannot be read, so it found nothing and says nothing about the archive. The question mark in the box shows
        examples.
      </Empty>
    );
  }
  if (results.rows.length === 0) return <NothingFound q={q} lag={results.lag} onSearch={onSearch} />;
  return (
    <ResultList
      key={`${order} ${q}`}
      rows={results.rows}
      open={open}
      cameFrom={cameFrom}
      hrefOf={(id) => address(q, order, id)}
      hasMore={results.hasMore}
      isLoadingMore={results.isLoadingMore}
      more={results.more}
      onEscape={onEscape}
    />
  );
}

function NothingFound({ q, lag, onSearch }: { readonly q: string; readonly lag: number; readonly onSearch: (q: string) => void }) {
  const overview = useRead<Overview>('/overview');
  const mayAdminister = useMay('administer');
  const unread = lag > 0 ? ` ${countOf(lag, 'message')} cannot be searched yet; look again in a moment.` : '';
  if (q === '') {
    const hasSources = Object.keys(overview.data?.sources ?? {}).length > 0;
    return (
      <Empty
        icon={<IconMailbox size={32} aria-hidden />}
        title="The archive is empty"
        action={
          mayAdminister && !hasSources ? (
            <Button component={Link} href="/sources/new">
              Make the first source
            </Button>
          ) : (
            <Button component={Link} href="/sources" variant="default">
              Look at the sources
            </Button>
          )
        }
      >
        Messages show here as soon as a source brings them in.{unread}
      </Empty>
    );
  }
  return (
    <Empty
      icon={<IconMoodEmpty size={32} aria-hidden />}
      title="No message fits"
      action={
        <Button variant="default" onClick={() => onSearch('')}>
          Show all messages
        </Button>
      }
    >
      All words and conditions have to fit. Take one out, use the beginning of a word with a star (<code>invoi*</code>), or give a field
      twice to have either value.{unread}
    </Empty>
  );
}
