/**
 * What the codes of a message are called for people: platforms, kinds, directions and marks.
 *
 * The hard thing is an open list: a feed may say a platform that nobody knew, and it is shown as it stands instead of being left out.
 */

const platforms: Readonly<Record<string, string>> = {
  whatsapp: 'WhatsApp',
  signal: 'Signal',
  telegram: 'Telegram',
  wechat: 'WeChat',
  imessage: 'iMessage',
  sms: 'SMS',
  mms: 'MMS',
  teams: 'Teams',
  webex: 'Webex',
  line: 'LINE',
};

export function platformText(platform: string): string {
  return platforms[platform] ?? platform;
}

const modalities: Readonly<Record<string, string>> = {
  mail: 'mail',
  sms: 'SMS',
  mms: 'MMS',
  im: 'chat',
  voice: 'voice call',
  video: 'video call',
  event: 'event',
  unknown: 'not known',
};

export function modalityText(modality: string): string {
  return modalities[modality] ?? modality;
}

/** `WhatsApp voice call`, `SMS`: platform and kind, said once where they are the same; empty for plain mail. */
export function whatText(platform: string | null, modality: string | null): string {
  const where = platform === null || platform === 'mail' ? '' : platformText(platform);
  const what = modality === null || modality === 'unknown' || modality === 'mail' ? '' : modalityText(modality);
  if (where === '' || what === '') return where === '' ? what : where;
  return where.toLowerCase() === what.toLowerCase() ? where : `${where} ${what}`;
}

const directions: Readonly<Record<string, string>> = { in: 'incoming', out: 'outgoing', internal: 'internal', unknown: 'not known' };

export function directionText(direction: string): string {
  return directions[direction] ?? direction;
}

export interface MarkLook {
  readonly word: string;
  readonly means: string;
  readonly color: string;
}

const markLooks: Readonly<Record<string, MarkLook>> = {
  edited: { word: 'edited', means: 'It was edited later; the edit is in the archive too.', color: 'harbour' },
  deleted: { word: 'deleted', means: 'It was deleted later, and stays here.', color: 'red' },
  encrypted: { word: 'encrypted', means: 'Sealed with the customer’s key; its text cannot be read here.', color: 'gray' },
  unrecognised: { word: 'unrecognised', means: 'Its shape is not one that the feed is known for.', color: 'yellow' },
  unreadable: { word: 'unreadable', means: 'The parser gave up; it is found by its header all the same.', color: 'yellow' },
  flagged: { word: 'flagged', means: 'Something in it a person should know of; see its record.', color: 'yellow' },
  copy: { word: 'copy', means: 'Another monitored person’s archive has the same item.', color: 'gray' },
  quarantined: { word: 'quarantined', means: 'It is kept apart: it did not come as the server should have sent it.', color: 'yellow' },
};

export function markLook(mark: string): MarkLook {
  return markLooks[mark] ?? { word: mark, means: mark, color: 'gray' };
}

/** A message that is unrecognised, encrypted or unreadable is flagged for that: the word would say nothing more. */
export function shownMarks(marks: readonly string[]): readonly string[] {
  const saysWhy = marks.some((mark) => ['unrecognised', 'encrypted', 'unreadable'].includes(mark));
  return marks.filter((mark) => mark !== 'flagged' || !saysWhy);
}

/** Marks to choose from beside the counted lists: `is:` conditions, and whether they exclude. */
export const markChoices: readonly { readonly field: string; readonly value: string; readonly not: boolean; readonly word: string }[] = [
  { field: 'has', value: 'attachment', not: false, word: 'with attachments' },
  { field: 'is', value: 'edited', not: false, word: 'edited later' },
  { field: 'is', value: 'deleted', not: false, word: 'deleted later' },
  { field: 'is', value: 'flagged', not: false, word: 'flagged' },
  { field: 'is', value: 'encrypted', not: false, word: 'encrypted' },
  { field: 'is', value: 'quarantined', not: false, word: 'in quarantine' },
  { field: 'is', value: 'copy', not: true, word: 'without copies' },
];

/** `00:03:05` of a call: `3 min 05 s`. */
export function callDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = `${String(whole % 60).padStart(hours + minutes > 0 ? 2 : 1, '0')} s`;
  return [hours > 0 ? `${hours} h` : '', hours + minutes > 0 ? `${minutes} min` : '', rest].filter((one) => one !== '').join(' ');
}

const results: Readonly<Record<string, string>> = {
  ok: 'answered',
  missed: 'missed',
  failed: 'failed',
  'voice-mail': 'went to voice mail',
  rejected: 'rejected',
  busy: 'busy',
  blocked: 'blocked',
  'answered-externally': 'answered elsewhere',
  unanswered: 'not answered',
};

export function callResult(result: string): string {
  return results[result] ?? result;
}
