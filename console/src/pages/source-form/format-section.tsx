/** What the messages are read as. The stored bytes do not depend on it: it can be changed at any time. */
import { NativeSelect, TextInput } from '@mantine/core';
import { LinesInput } from '../../parts/lines-input.tsx';
import { Pair, Section } from './section.tsx';
import { fieldProps, type SourceForm } from './use-source-form.ts';

const formats = [
  { value: 'auto', label: 'As each message shows itself' },
  { value: 'telemessage', label: 'TeleMessage: texts, chats and calls' },
  { value: 'journal', label: 'Journal reports' },
  { value: 'mail', label: 'Mail' },
] as const;

export function FormatSection({ form }: { readonly form: SourceForm }) {
  const { draft, change } = form;
  const telemessage = draft.format === 'auto' || draft.format === 'telemessage';
  return (
    <Section title="What the messages are" why="The bytes are kept as they came, whatever stands here; it can be changed later.">
      <NativeSelect
        label="Format"
        data={[...formats]}
        value={draft.format}
        onChange={(event) =>
          change({ ...draft, format: formats.find(({ value }) => value === event.currentTarget.value)?.value ?? 'auto' })
        }
        {...fieldProps(form, 'format')}
      />
      {telemessage && (
        <Pair>
          <NativeSelect
            label="Names of participants"
            data={[
              { value: 'first-last', label: 'First name, last name' },
              { value: 'last-first', label: 'Last name, first name' },
            ]}
            value={draft.nameOrder}
            onChange={(event) => change({ ...draft, nameOrder: event.currentTarget.value === 'last-first' ? 'last-first' : 'first-last' })}
            {...fieldProps(form, 'nameOrder', 'As TeleMessage was set up to write them.')}
          />
          <TextInput
            label="Country"
            placeholder="44"
            inputMode="numeric"
            maxLength={4}
            value={draft.country ?? ''}
            onChange={(event) => change({ ...draft, country: event.currentTarget.value === '' ? null : event.currentTarget.value })}
            {...fieldProps(form, 'country', 'Calling code for numbers that are written without one.')}
          />
        </Pair>
      )}
      <LinesInput
        label="Owners"
        placeholder={'+15550100\nanna@contoso.com'}
        value={draft.owners}
        onChange={(owners) => change({ ...draft, owners })}
        {...fieldProps(
          form,
          'owners',
          'Numbers and addresses that are monitored, one on a line; each is watched for silence. Empty: as the messages tell.',
        )}
      />
    </Section>
  );
}
