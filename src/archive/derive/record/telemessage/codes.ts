/**
 * What is known of TeleMessage's mail, as tables: header names, codes, words of platforms. All of it comes from public documents, apps
 * and programs of others (docs/records.md gives the grade of each); a value that is not here passes through as it stands and is flagged.
 *
 * The hard thing is that the names are the vendor's and may change with the brand: so they are data, and everything is matched without
 * case, without `-` and `_`, and with *Mesage* for *Message*, as they are seen.
 */
import type { EventKind, Modality } from '../../../record.ts';

/** What a header field begins with. Another name for the same feed is another line here. */
export const headerPrefixes = ['x-telemessage-'] as const;

export type KnownField =
  | 'nativeId'
  | 'threadId'
  | 'threadName'
  | 'groupId'
  | 'groupName'
  | 'owner'
  | 'captureProduct'
  | 'networkType'
  | 'itemKind'
  | 'deliveryStatus'
  | 'sealed'
  /** Known by name and kept as it stands: what it means is not public. */
  | 'kept';

/** By the name behind the prefix, normalised. */
export const headerFields: Readonly<Record<string, KnownField>> = {
  archivemessageid: 'nativeId',
  threadid: 'threadId',
  threadname: 'threadName',
  groupid: 'groupId',
  groupname: 'groupName',
  archiveinitiator: 'owner',
  archivesource: 'captureProduct',
  network: 'networkType',
  messagetype: 'itemKind',
  status: 'deliveryStatus',
  encdatakey: 'sealed',
  enckeyid: 'sealed',
  originalmessageintegrity: 'kept',
  sid: 'kept',
};

/** A name or code as it is compared. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '').replaceAll('mesage', 'message');
}

export interface PlatformWord {
  readonly platform: string;
  /** Whether it carries app messages only, so that a message on it is one. */
  readonly isApp: boolean;
}

/** Words and codes for platforms, normalised. Products that capture telephony do not say which of its services it was. */
export const platformWords: Readonly<Record<string, PlatformWord>> = {
  whatsapp: { platform: 'whatsapp', isApp: true },
  whatsapparchiver: { platform: 'whatsapp', isApp: true },
  whatsappcloudarchiver: { platform: 'whatsapp', isApp: true },
  signal: { platform: 'signal', isApp: true },
  telegram: { platform: 'telegram', isApp: true },
  wechat: { platform: 'wechat', isApp: true },
  wecom: { platform: 'wecom', isApp: true },
  imessage: { platform: 'imessage', isApp: true },
  imessagecapture: { platform: 'imessage', isApp: true },
  teams: { platform: 'teams', isApp: true },
  microsoftteams: { platform: 'teams', isApp: true },
  teamscapture: { platform: 'teams', isApp: true },
  webex: { platform: 'webex', isApp: true },
  sms: { platform: 'sms', isApp: false },
  mms: { platform: 'mms', isApp: false },
};

/** Codes of products that are known and name no platform, normalised. */
export const telephonyProducts: ReadonlySet<string> = new Set(['wirelesscopy', 'virtualnumber', 'networkarchiving']);

/** Undefined for a word that no table knows. */
export function platformOf(value: string): PlatformWord | undefined {
  const name = normalName(value);
  return Object.hasOwn(platformWords, name) ? platformWords[name] : undefined;
}

/** Kinds of items as the app's client names them, normalised. `event` does not say which. */
export const itemKinds: Readonly<Record<string, { readonly modality: Modality; readonly eventKind: EventKind }>> = {
  appmessage: { modality: 'im', eventKind: 'message' },
  pagermessage: { modality: 'sms', eventKind: 'message' },
  multimediamessage: { modality: 'mms', eventKind: 'message' },
  event: { modality: 'event', eventKind: 'unknown' },
  calllog: { modality: 'voice', eventKind: 'call' },
  voicecall: { modality: 'voice', eventKind: 'call' },
  videocall: { modality: 'video', eventKind: 'call' },
};

/** States of delivery, normalised. */
export const deliveryStates: ReadonlySet<string> = new Set(['none', 'sending', 'sent', 'delivered', 'read', 'failed']);

/** Results of calls by the app's words for them, normalised. */
export const callResults: Readonly<Record<string, string>> = {
  callok: 'ok',
  missed: 'missed',
  failed: 'failed',
  voicemail: 'voice-mail',
  rejected: 'rejected',
  busy: 'busy',
  blocked: 'blocked',
  answeredexternally: 'answered-externally',
};

/** Ids of items that follow up another one: its id stands behind these. */
export const followUpIds: readonly { readonly prefix: string; readonly kind: 'edits' | 'deletes'; readonly deletedFor?: 'me' | 'all' }[] = [
  { prefix: 'DELETE_FOR_ME-', kind: 'deletes', deletedFor: 'me' },
  { prefix: 'DELETE_FOR_ALL-', kind: 'deletes', deletedFor: 'all' },
  { prefix: 'DELETE_ALL_MESSAGES-', kind: 'deletes' },
  { prefix: 'EDIT-', kind: 'edits' },
];

/** Words that a subject may be made of without saying anything about a person; all others are left out of the shape that is counted. */
export const shapeWords: ReadonlySet<string> = new Set(
  `message messages from to chat group channel broadcast list call calls voice video audio missed unanswered answered rejected with multiple
  participants deleted delete edit edited read unread unknown for me all status system event android archiver user mobile number reaction
  reacted poll vote location sticker contact file image photo story post reply replied forwarded forward recall recalled join joined leave
  left removed added created renamed changed name subject thread conversation daily report summary conference screen share transcript
  via in on by at of the a an and attachment attachments media text heartbeat recording started stopped sim storage low`.split(/\s+/),
);
