/** Asks before something that cannot be taken back, or that wants a reason. The answer stands in the button: a verb, never `OK`. */
import { Button, type ButtonProps, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type ReactNode, useId, useState } from 'react';
import { Problem } from './fault.tsx';

interface Question {
  readonly title: string;
  readonly children?: ReactNode;
  /** The verb of the button. */
  readonly verb: string;
  readonly danger?: boolean;
  /** Asks for words that go with it, under this label; the act gets them. */
  readonly reason?: { readonly label: string; readonly description?: string };
}

export function ConfirmModal({
  opened,
  onClose,
  onConfirm,
  ...question
}: Question & {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly onConfirm: (reason: string) => Promise<unknown> | unknown;
}) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const form = useId();
  async function act(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm(reason.trim());
      setReason('');
      onClose();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Modal opened={opened} onClose={onClose} title={question.title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <Stack>
          {question.children !== undefined && <Text component="div">{question.children}</Text>}
          {question.reason !== undefined && (
            <Textarea
              label={question.reason.label}
              description={question.reason.description}
              required
              maxLength={500}
              autosize
              minRows={2}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              data-autofocus
            />
          )}
          {error !== undefined && <Problem error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button
              type="submit"
              loading={busy}
              disabled={question.reason !== undefined && reason.trim() === ''}
              {...(question.danger === true ? { color: 'red' } : {})}
            >
              {question.verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** A button that asks first. */
export function ConfirmButton({
  label,
  button,
  onConfirm,
  ...question
}: Question & {
  readonly label: ReactNode;
  readonly button?: ButtonProps;
  readonly onConfirm: (reason: string) => Promise<unknown> | unknown;
}) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" {...button} onClick={open}>
        {label}
      </Button>
      <ConfirmModal {...question} opened={opened} onClose={close} onConfirm={onConfirm} />
    </>
  );
}
