/** The pages that make a source and change one. */
import { Button, Group } from '@mantine/core';
import { IconClipboardText, IconFlask } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useParams, useSearchParams } from 'wouter';
import type { Overview, SourceDetail } from '../../../../src/service/api.ts';
import { Empty } from '../../parts/empty.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { useSay } from '../../parts/say.tsx';
import { useRead } from '../../session.tsx';
import { useSourceDetail } from '../source/use-detail.ts';
import { emptyDraft, type FormDraft, fromDefinition, trialDraft } from './draft.ts';
import { merged } from './newer.ts';
import { NewerNote } from './newer-note.tsx';
import { PasteModal } from './paste-modal.tsx';
import { SourceFormBody } from './source-form.tsx';
import { useSourceForm } from './use-source-form.ts';

/** `?trial` begins with the tenant to try things with, `?format=telemessage` with that format. */
export function NewSourcePage() {
  const [words] = useSearchParams();
  const overview = useRead<Overview>('/overview');
  const wantsTrial = words.has('trial');
  if (wantsTrial && overview.isPending) {
    return (
      <Page title="New source">
        <Loaded query={overview}>{() => null}</Loaded>
      </Page>
    );
  }
  const trial = overview.data?.trial ?? null;
  const begin: FormDraft =
    wantsTrial && trial !== null
      ? trialDraft(trial)
      : { ...emptyDraft, format: words.get('format') === 'telemessage' ? 'telemessage' : 'auto' };
  return <NewSource begin={begin} trial={trial} />;
}

function NewSource({ begin, trial }: { readonly begin: FormDraft; readonly trial: Overview['trial'] }) {
  const [initial] = useState(begin);
  const form = useSourceForm(initial, undefined);
  const [pasting, setPasting] = useState(false);
  const saved = useAfterSaving('The source is made. It looks into its mailbox now.');
  const isTrial = trial !== null && form.draft.app.tenantId === trial.tenantId;
  return (
    <Page
      title="New source"
      subtitle="A mailbox that is imported, again and again, without anybody at the keyboard."
      actions={
        <Group gap="xs">
          {trial !== null && (
            <Button variant="default" leftSection={<IconFlask size={16} aria-hidden />} onClick={() => form.change(trialDraft(trial))}>
              Use the trial tenant
            </Button>
          )}
          <Button variant="default" leftSection={<IconClipboardText size={16} aria-hidden />} onClick={() => setPasting(true)}>
            Fill in from a text
          </Button>
        </Group>
      }
    >
      <SourceFormBody form={form} secretKept={false} trial={isTrial} onSaved={saved} />
      <PasteModal opened={pasting} onClose={() => setPasting(false)} draft={form.draft} onRead={form.change} />
    </Page>
  );
}

export function EditSourcePage() {
  const { name = '' } = useParams();
  const detail = useSourceDetail(name);
  /** Raised when what was typed is dropped: the form begins anew. */
  const [round, setRound] = useState(0);
  if (detail.data === undefined) {
    return (
      <Page title={`Edit ${name}`}>
        <Loaded query={detail}>{() => null}</Loaded>
      </Page>
    );
  }
  return <EditSource key={round} detail={detail.data} onDrop={() => setRound(round + 1)} />;
}

/** The form goes on from the revision that it began with, whatever is read meanwhile: saving over a newer one is decided by the person. */
function EditSource({ detail, onDrop }: { readonly detail: SourceDetail; readonly onDrop: () => void }) {
  const [began, setBegan] = useState(detail);
  const [initial] = useState(() => fromDefinition(detail.definition));
  const form = useSourceForm(initial, detail.card.name);
  const queries = useQueryClient();
  const saved = useAfterSaving('The source is changed, and goes on under its new definition.');
  return (
    <Page title={`Edit ${detail.card.name}`}>
      {detail.editable ? (
        <SourceFormBody
          form={form}
          secretKept={detail.secretKept}
          trial={false}
          onSaved={saved}
          revision={began.changed?.revision}
          onNewer={() => void queries.invalidateQueries({ queryKey: [`/sources/${encodeURIComponent(detail.card.name)}`] })}
          note={
            detail.changed === null || detail.changed.revision === began.changed?.revision ? undefined : (
              <NewerNote
                changed={detail.changed}
                before={fromDefinition(began.definition)}
                now={fromDefinition(detail.definition)}
                typed={form.draft}
                onDrop={onDrop}
                onKeep={() => {
                  form.change(merged(fromDefinition(began.definition), fromDefinition(detail.definition), form.draft));
                  setBegan(detail);
                }}
              />
            )
          }
        />
      ) : (
        <Empty title="This source stands in the configuration file">
          Change it there, and have it read again on the page of the sources.
        </Empty>
      )}
    </Page>
  );
}

function useAfterSaving(words: string): (detail: SourceDetail) => void {
  const queries = useQueryClient();
  const [, go] = useLocation();
  const say = useSay();
  return (detail) => {
    const path = `/sources/${encodeURIComponent(detail.card.name)}`;
    queries.setQueryData([path, {}], detail);
    // The source itself too: an event may have told of a later state before this answer came.
    const grown: readonly unknown[] = [path, '/sources', '/overview', '/access'];
    void queries.invalidateQueries({ predicate: ({ queryKey: [key] }) => grown.includes(key) });
    say(words);
    go(path);
  };
}
