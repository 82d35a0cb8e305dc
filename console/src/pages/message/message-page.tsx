/** One message at an address of its own, which can be sent to somebody. */
import { useParams } from 'wouter';
import { Page } from '../../parts/page.tsx';
import { MessageView, messageTitle } from './message-view.tsx';
import { useMessage } from './use-message.ts';

export function MessagePage() {
  const { id = '' } = useParams<{ id: string }>();
  const message = useMessage(id);
  return (
    <Page title={message.data === undefined ? 'Message' : messageTitle(message.data)}>
      <MessageView id={id} headingOrder={undefined} />
    </Page>
  );
}
