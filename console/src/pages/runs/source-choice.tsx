/** Which source a page shows; the address says it too. */
import { NativeSelect } from '@mantine/core';
import { IconSelector } from '@tabler/icons-react';

export function SourceChoice({
  names,
  source,
  onChoose,
}: {
  readonly names: readonly string[];
  readonly source: string | undefined;
  readonly onChoose: (source: string | undefined) => void;
}) {
  return (
    <NativeSelect
      aria-label="Source"
      value={source ?? ''}
      onChange={(event) => onChoose(event.currentTarget.value === '' ? undefined : event.currentTarget.value)}
      data={[{ value: '', label: 'All sources' }, ...names.map((name) => ({ value: name, label: name }))]}
      rightSection={<IconSelector size={16} aria-hidden />}
      maw={220}
    />
  );
}
