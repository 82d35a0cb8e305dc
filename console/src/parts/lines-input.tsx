/** A list as it is typed and pasted: one entry on a line. The text stays as it was typed while it has the focus. */
import { Textarea, type TextareaProps } from '@mantine/core';
import { useState } from 'react';

export function LinesInput({
  value,
  onChange,
  ...input
}: Omit<TextareaProps, 'value' | 'onChange'> & { readonly value: readonly string[]; readonly onChange: (value: string[]) => void }) {
  const [text, setText] = useState(value.join('\n'));
  const known = entries(text);
  // Somebody else changed the list: the picker, or a paste.
  if (known.length !== value.length || known.some((entry, index) => entry !== value[index])) setText(value.join('\n'));
  return (
    <Textarea
      {...input}
      autosize
      minRows={2}
      maxRows={8}
      spellCheck={false}
      autoComplete="off"
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onChange(entries(event.currentTarget.value));
      }}
    />
  );
}

function entries(text: string): string[] {
  return [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '');
}
