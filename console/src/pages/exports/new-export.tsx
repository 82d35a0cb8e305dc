/** Asks for an export: of which search, in which form, and why. How many messages it will have is told before it is begun. */
import { Button, Group, Modal, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ExportJob, MessageFacets } from '../../../../src/service/api.ts';
import { Problem } from '../../parts/fault.tsx';
import { countOf } from '../../parts/figures.tsx';
import { useApi, useRead } from '../../session.tsx';

const leastReason = 3;

export function NewExport({ opened, q, onClose }: { readonly opened: boolean; readonly q: string; readonly onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New export" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <ExportForm q={q} onClose={onClose} />
    </Modal>
  );
}

function ExportForm({ q, onClose }: { readonly q: string; readonly onClose: () => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const [text, setText] = useState(q);
  const [format, setFormat] = useState<ExportJob['format']>('eml');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [asked] = useDebouncedValue(text.trim(), 500);
  const counted = useRead<MessageFacets>('/messages/facets', { q: asked });
  const problem = counted.data?.problem ?? null;
  const isCounted = counted.data !== undefined && asked === text.trim();
  const mayBegin = isCounted && problem === null && counted.data.messages > 0 && reason.trim().length >= leastReason;

  async function begin(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await api.post<ExportJob>('/exports', { q: text.trim(), format, reason: reason.trim() });
      await queries.invalidateQueries({ queryKey: ['/exports'] });
      onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (mayBegin) void begin();
      }}
    >
      <Stack>
        <TextInput
          label="Messages that fit this search"
          description="Empty: all messages of the archive."
          value={text}
          maxLength={2000}
          spellCheck={false}
          className="mono-input"
          onChange={(event) => setText(event.currentTarget.value)}
          error={
            problem === null
              ? undefined
              : `${problem.says} ${problem.evidence['expected'] === undefined ? '' : `Expected: ${problem.evidence['expected']}.`}`
          }
        />
        <Text size="sm" role="status" className="figures">
          {problem !== null ? '' : isCounted ? amount(counted.data) : 'Counting …'}
        </Text>
        <Radio.Group label="Format" value={format} onChange={(value) => setFormat(value === 'mbox' ? 'mbox' : 'eml')}>
          <Stack gap={6} mt={6}>
            <Radio
              value="eml"
              label=".eml files"
              description="One file a message, byte for byte as it arrived: for review platforms and for court."
            />
            <Radio
              value="mbox"
              label="mbox"
              description="All in one file, for mail programs. Lines that begin with “From ” get a sign before them."
            />
          </Stack>
        </Radio.Group>
        <Textarea
          label="Reason"
          description="Who asked for it, or the number of the case. It stands in the access log and in the manifest, and cannot be changed."
          required
          minLength={leastReason}
          maxLength={500}
          autosize
          minRows={2}
          value={reason}
          data-autofocus
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {error !== undefined && <Problem error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={!mayBegin}>
            Start export
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function amount({ messages, complete }: MessageFacets): string {
  if (messages === 0) return 'No message fits.';
  return complete ? `${countOf(messages, 'message')} will be exported.` : `More than ${countOf(messages, 'message')} will be exported.`;
}
