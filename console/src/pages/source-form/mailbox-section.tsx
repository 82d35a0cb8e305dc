/** Which mailbox and which folders of it; the folders typed as names or patterns, or picked from what the server lists right now. */
import { Button, Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFolders } from '@tabler/icons-react';
import { useState } from 'react';
import type { FolderList } from '../../../../src/service/api.ts';
import { Problem } from '../../parts/fault.tsx';
import { countText } from '../../parts/figures.tsx';
import { LinesInput } from '../../parts/lines-input.tsx';
import { Loading } from '../../parts/page.tsx';
import { useApi } from '../../session.tsx';
import { toSend } from './draft.ts';
import { Section } from './section.tsx';
import { draftPath, fieldProps, type SourceForm } from './use-source-form.ts';

export function MailboxSection({ form }: { readonly form: SourceForm }) {
  const { draft, change } = form;
  const oneFolder = draft.protocol === 'pop3';
  return (
    <Section title="Mailbox">
      <TextInput
        label="Mailbox"
        required
        placeholder="capture@contoso.com"
        autoComplete="off"
        spellCheck={false}
        type="text"
        inputMode="email"
        value={draft.mailbox}
        onChange={(event) => change({ ...draft, mailbox: event.currentTarget.value })}
        {...fieldProps(form, 'mailbox', 'The primary address, which need not be anybody’s: a shared mailbox will do.')}
      />
      {oneFolder ? (
        <Text size="sm" c="dimmed">
          POP3 knows the inbox only. IMAP shows every folder, and says at once when mail arrives.
        </Text>
      ) : (
        <Folders form={form} />
      )}
    </Section>
  );
}

function Folders({ form }: { readonly form: SourceForm }) {
  const { draft, change } = form;
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <div>
      <LinesInput
        label="Folders"
        placeholder="INBOX"
        value={draft.folders}
        onChange={(folders) => change({ ...draft, folders })}
        {...fieldProps(
          form,
          'folders',
          'One on a line: a name, a pattern (* any text, % one level), a special use (\\Archive); with ! before it, it is left out.',
        )}
      />
      <Button mt={6} size="xs" variant="default" leftSection={<IconFolders size={15} aria-hidden />} onClick={open}>
        Pick from the mailbox
      </Button>
      <Modal opened={opened} onClose={close} title="Folders of the mailbox" size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
        {opened && (
          <FolderPicker
            form={form}
            onDone={(folders) => {
              change({ ...draft, folders: [...folders] });
              close();
            }}
          />
        )}
      </Modal>
    </div>
  );
}

/** Asks the server as the draft is now. Patterns that were typed stay beside what is picked. */
function FolderPicker({ form, onDone }: { readonly form: SourceForm; readonly onDone: (folders: readonly string[]) => void }) {
  const api = useApi();
  const [asked, setAsked] = useState(false);
  const [list, setList] = useState<FolderList>();
  const [error, setError] = useState<unknown>();
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set(form.draft.folders));
  if (!asked) {
    setAsked(true);
    api.post<FolderList>(draftPath('/drafts/folders', form.saved), toSend(form.draft)).then(setList, setError);
  }
  if (error !== undefined) return <Problem error={error} />;
  if (list === undefined) return <Loading />;
  const names = new Set(list.folders.map(({ name }) => name));
  const typed = form.draft.folders.filter((name) => !names.has(name));
  return (
    <Stack>
      <div className="folder-list">
        <Stack gap={6}>
          {list.folders.map((folder) => (
            <Checkbox
              key={folder.name}
              checked={picked.has(folder.name)}
              disabled={!folder.selectable}
              onChange={(event) => setPicked(toggled(picked, folder.name, event.currentTarget.checked))}
              label={
                <Group gap={8} wrap="nowrap">
                  <span>{folder.name}</span>
                  {folder.use !== '' && (
                    <Text component="span" size="xs" c="dimmed">
                      {folder.use}
                    </Text>
                  )}
                  {folder.messages !== null && (
                    <Text component="span" size="xs" c="dimmed" className="figures">
                      {countText(folder.messages)}
                    </Text>
                  )}
                </Group>
              }
            />
          ))}
        </Stack>
      </div>
      {typed.length > 0 && (
        <Text size="sm" c="dimmed">
          Typed, and kept: {typed.join(', ')}
        </Text>
      )}
      <Group justify="flex-end">
        <Button onClick={() => onDone([...typed, ...list.folders.map(({ name }) => name).filter((name) => picked.has(name))])}>
          Take these folders
        </Button>
      </Group>
    </Stack>
  );
}

function toggled(set: ReadonlySet<string>, name: string, on: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (on) next.add(name);
  else next.delete(name);
  return next;
}
