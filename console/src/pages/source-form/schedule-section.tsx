/** When it looks, and what happens to a message on the server once it is safe here. */
import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import type { FormDraft } from './draft.ts';
import { Pair, Section } from './section.tsx';
import { fieldProps, type SourceForm } from './use-source-form.ts';

type Completion = FormDraft['onCompletion'];

function completionOf(kind: string): Completion {
  switch (kind) {
    case 'seen':
      return { kind: 'seen' };
    case 'move':
      return { kind: 'move', folder: '' };
    case 'delete':
      return { kind: 'delete', after: '30d' };
    default:
      return { kind: 'leave' };
  }
}

export function ScheduleSection({ form }: { readonly form: SourceForm }) {
  const { draft, change } = form;
  const imap = draft.protocol === 'imap';
  const completion = draft.onCompletion;
  return (
    <Section title="Schedule and completion">
      <Pair>
        <TextInput
          label="Schedule"
          required
          placeholder="1m"
          value={draft.every}
          onChange={(event) => change({ ...draft, every: event.currentTarget.value })}
          {...fieldProps(form, 'every', imap ? 'Looks every … (30s, 5m, 1h), and listens in between.' : 'Looks every … (30s, 5m, 1h).')}
        />
        {imap && (
          <TextInput
            label="Only since"
            type="date"
            value={draft.since ?? ''}
            onChange={(event) => change({ ...draft, since: event.currentTarget.value === '' ? null : event.currentTarget.value })}
            {...fieldProps(form, 'since', 'Older messages are counted as excluded. Empty: all.')}
          />
        )}
      </Pair>
      <NativeSelect
        label="On completion"
        data={[
          { value: 'leave', label: 'Leave the message as it is' },
          ...(imap ? [{ value: 'seen', label: 'Mark it as read' }] : []),
          ...(imap ? [{ value: 'move', label: 'Move it into a folder' }] : []),
          { value: 'delete', label: 'Delete it after a while' },
        ]}
        value={completion.kind}
        onChange={(event) => change({ ...draft, onCompletion: completionOf(event.currentTarget.value) })}
        {...fieldProps(form, 'onCompletion', 'Only after the message is safe in the archive.')}
      />
      {completion.kind === 'move' && (
        <TextInput
          label="Move into"
          required
          placeholder="Archived"
          value={completion.folder}
          onChange={(event) => change({ ...draft, onCompletion: { kind: 'move', folder: event.currentTarget.value } })}
          {...fieldProps(form, 'onCompletion.folder')}
        />
      )}
      {completion.kind === 'delete' && (
        <TextInput
          label="Delete after"
          required
          placeholder="30d"
          value={completion.after}
          onChange={(event) => change({ ...draft, onCompletion: { kind: 'delete', after: event.currentTarget.value } })}
          {...fieldProps(form, 'onCompletion.after', 'How long it stays on the server after it is safe here: 12h, 30d, 7y.')}
        />
      )}
      {completion.kind !== 'leave' && completion.kind !== 'seen' && (
        <Checkbox
          label="Hold: nothing is moved or deleted for now"
          checked={draft.hold}
          onChange={(event) => change({ ...draft, hold: event.currentTarget.checked })}
          data-field="hold"
        />
      )}
      <TextInput
        label="Silent after"
        placeholder="its own habit"
        value={draft.silentAfter ?? ''}
        onChange={(event) => change({ ...draft, silentAfter: event.currentTarget.value === '' ? null : event.currentTarget.value })}
        {...fieldProps(
          form,
          'silentAfter',
          'So long without a message is told: 4h, 2d. Empty: when it has never been silent so long before.',
        )}
      />
    </Section>
  );
}
