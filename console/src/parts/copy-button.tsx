/** Copies a text. It says that it did, to eyes and ears. */
import { ActionIcon, Button, Tooltip, VisuallyHidden } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';

/** `what`: what is copied, for its label: `the application id`. With `wide` it is a button with words. */
export function CopyButton({ value, what, wide = false }: { readonly value: string; readonly what: string; readonly wide?: boolean }) {
  const clipboard = useClipboard({ timeout: 2000 });
  const icon = clipboard.copied ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} aria-hidden />;
  const told = (
    <VisuallyHidden role="status" component="span">
      {clipboard.copied ? 'Copied' : ''}
    </VisuallyHidden>
  );
  if (wide) {
    return (
      <Button variant="default" size="xs" leftSection={icon} onClick={() => clipboard.copy(value)}>
        {clipboard.copied ? 'Copied' : `Copy ${what}`}
        {told}
      </Button>
    );
  }
  return (
    <Tooltip label={clipboard.copied ? 'Copied' : `Copy ${what}`}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Copy ${what}`} onClick={() => clipboard.copy(value)}>
        {icon}
        {told}
      </ActionIcon>
    </Tooltip>
  );
}

/** A command or script, in the type of a terminal, with its copy button. */
export function Command({ text, what = 'the command' }: { readonly text: string; readonly what?: string }) {
  return (
    <div className="command">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <pre tabIndex={0}>{text}</pre>
      <CopyButton value={text} what={what} />
    </div>
  );
}
