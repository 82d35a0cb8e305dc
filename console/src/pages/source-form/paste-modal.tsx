/** Fills in the form from a pasted text: fields by the names that the import source page and the portal use, or a definition in YAML. */
import { Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { SourceDraft } from '../../../../src/service/api.ts';
import { Problem } from '../../parts/fault.tsx';
import { useApi } from '../../session.tsx';
import { type FormDraft, fromDefinition } from './draft.ts';
import { isDefinition, readPasted } from './pasted.ts';

export function PasteModal({
  opened,
  onClose,
  draft,
  onRead,
}: {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly draft: FormDraft;
  readonly onRead: (draft: FormDraft) => void;
}) {
  const api = useApi();
  const [text, setText] = useState('');
  const [error, setError] = useState<unknown>();
  const yaml = isDefinition(text);
  const { draft: read, understood } = readPasted(text, draft);
  async function take(): Promise<void> {
    setError(undefined);
    try {
      onRead(yaml ? fromDefinition(await api.post<SourceDraft>('/sources/import', { yaml: text })) : read);
      setText('');
      onClose();
    } catch (problem) {
      setError(problem);
    }
  }
  return (
    <Modal opened={opened} onClose={onClose} title="Fill in from a text" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Textarea
          label="Text"
          description="Lines like “Application (Client) ID: …” as another import service or the portal shows them, or a definition in YAML. It stays in this page until it is saved."
          className="mono-input"
          autosize
          minRows={8}
          maxRows={18}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          placeholder={
            'Authentication Mode: OAuth 2.0\nApplication (Client) ID: …\nApplication (Client) Secret: …\nDirectory (Tenant) ID: …'
          }
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Text role="status" size="sm">
          {yaml
            ? 'A definition in YAML; secrets are not in it.'
            : understood.length > 0
              ? `Understood: ${understood.join(', ')}.`
              : text.trim() === ''
                ? ''
                : 'No field is recognised yet.'}
        </Text>
        {error !== undefined && <Problem error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={!yaml && understood.length === 0} onClick={() => void take()}>
            Fill in
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
