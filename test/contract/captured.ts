/** Mails as TeleMessage writes them, as short as they can be: for tests of what is found and shown. */

export interface Captured {
  readonly id?: string;
  readonly from?: string;
  readonly to?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  readonly date?: string;
  readonly thread?: string;
  readonly owner?: string;
  readonly network?: string;
  readonly headers?: readonly string[];
  /** Name and content of an attachment. */
  readonly file?: readonly [name: string, content: string];
}

export const eva = '"Eva Brandt 447700900123" <eva@contoso.test>';
export const sam = '"Sam Hill 447700900777" <sam@contoso.test>';
/** Of another country, without an address. */
export const ana = '"Ana Ruíz 34600123456" <34600123456@archive.test>';

const numberOf = (party: string): string => /(\d{9,})/.exec(party)?.[1] ?? party;

export function captured(item: Captured): string {
  const { from = eva, to = [sam], date = '2026-01-12T10:00:00Z', network = 'WHATSAPP_ARCHIVER', text = 'words' } = item;
  const subject = item.subject ?? 'WhatsApp message';
  const head = [
    `From: ${from}`,
    `To: ${to.join(', ')}`,
    `Subject: ${subject} from ${numberOf(from)} to ${numberOf(to[0] ?? '')}`,
    `Date: ${new Date(date).toUTCString().replace('GMT', '+0000')}`,
    ...(item.id === undefined ? [] : [`X-TELEMESSAGE-ArchiveMessageID: ${item.id}`]),
    ...(item.thread === undefined ? [] : [`X-TELEMESSAGE-THREAD_ID: ${item.thread}`]),
    ...(item.owner === undefined ? [] : [`X-TELEMESSAGE-ArchiveInitiator: ${item.owner}`]),
    `X-TELEMESSAGE-Network: ${network}`,
    ...(item.headers ?? []),
    'MIME-Version: 1.0',
  ].join('\r\n');
  const plain = `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`;
  if (item.file === undefined) return `${head}\r\n${plain}`;
  const [name, content] = item.file;
  const encoded = Buffer.from(content).toString('base64');
  const file = `Content-Type: application/pdf; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}\r\n`;
  return `${head}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${plain}--b\r\n${file}--b--\r\n`;
}
