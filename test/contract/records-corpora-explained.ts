/**
 * Where a record differs from what the reference parser says of the same message of the corpora, and why that is right or a limit of ours.
 *
 * The hard thing is to keep reasons from becoming excuses: each row was looked at in the message itself.
 */

export type Compared = 'Message-ID' | 'subject' | 'date' | 'sender' | 'leaf parts' | 'attachments';

export interface Explained {
  readonly field: Compared;
  readonly why: string;
  /** Paths in the corpora; a message of an mbox by its number from 1. */
  readonly files: readonly string[];
}

/** A line in the middle of the header is no field; the reference ends the header there, we pass over the line and read on. */
const lostHeader = 'the reference ends the header at a line that is no field and takes the fields behind it for text';
const brokenAddress = 'the address is none by RFC 5322; both sides show what they make of it';

export const explained: readonly Explained[] = [
  {
    field: 'Message-ID',
    why: lostHeader,
    files: ['rspamd/phish_sender4.eml', 'ruby-mail/plain_emails/raw_email_incorrect_header.eml', 'webklex-php-imap/issue-40.eml'],
  },
  {
    field: 'Message-ID',
    why: 'an identifier with three @ is none by RFC 5322 §3.6.4; ours is what stands there, the reference cuts it off',
    files: ['ruby-mail/plain_emails/raw_email_double_at_in_header.eml'],
  },
  {
    field: 'subject',
    why: lostHeader,
    files: [
      'james/mailbox-store/mailWithLongHeaders.eml',
      'james/mailbox-store/oneAttachmentAndSomeTextInlined.eml',
      'james/mailbox-store/oneAttachmentWithEmptyContentType.eml',
      'james/mailbox-store/oneAttachmentWithSimpleContentType.eml',
      'james/mailbox-store/oneHtmlAttachmentAndSomeTextInlined.eml',
      'mimekit/messages/feedback-report.txt',
      'rspamd/phish_sender4.eml',
      'ruby-mail/plain_emails/raw_email_incorrect_header.eml',
      'webklex-php-imap/issue-40.eml',
    ],
  },
  {
    field: 'subject',
    why: 'bytes above 127 without a charset: read as windows-1252 here and flagged, replaced by the reference. Right for the West of Europe; Korean and Russian come out as what they are not',
    files: [
      'mail-mime-parser/m0001.txt',
      'mailcore2/summary/input/1640-no-charset.eml',
      'mailcore2/summary/input/1641-no-charset.eml',
      'mailcore2/summary/input/4850-russian.eml',
      'stalwart-mail-parser/legacy/020.eml',
    ],
  },
  { field: 'subject', why: 'limit: UTF-7 is not decoded', files: ['stalwart-mail-parser/legacy/001.eml'] },
  {
    field: 'subject',
    why: 'ours is decoded by the charset that is named, where the reference gives up or uses another one',
    files: [
      'mailcore2/summary/input/5230-thai-chinese.eml',
      'sisimai/bsd/lhost-exchange2007-04.eml',
      'webklex-php-imap/imap_mime_header_decode_returns_false.eml',
    ],
  },
  { field: 'subject', why: 'a record shows no control characters', files: ['sisimai/err/make-test-31.eml', 'sisimai/mailbox/mbox-0#31'] },
  {
    field: 'date',
    why: lostHeader,
    files: [
      'mimekit/messages/feedback-report.txt',
      'rspamd/phish_sender4.eml',
      'ruby-mail/plain_emails/raw_email_incorrect_header.eml',
      'webklex-php-imap/issue-40.eml',
    ],
  },
  {
    field: 'date',
    why: 'fractions of a second and a zone without a sign: the instant is plain, a zone that is none counts as UTC (RFC 5322 §4.3)',
    files: ['mime4j/dom/mime4j-219-new-date-time-format.msg'],
  },
  {
    field: 'date',
    why: 'a comment before the zone, `(EDT) -0400`: the reference loses the zone',
    files: ['mimekit/messages/disposition-notification.anonymized.eml', 'mimekit/messages/disposition-notification.txt'],
  },
  {
    field: 'date',
    why: 'limit: `Thursday, April 09, 2003 9:00 AM` has no form of RFC 5322 and no zone; an instant would be a guess',
    files: ['sisimai/bsd/lhost-x2-04.eml'],
  },
  {
    field: 'sender',
    why: lostHeader,
    files: [
      'enmime/low-quality/bad-header-start.raw',
      'rspamd/phish_sender4.eml',
      'ruby-mail/plain_emails/raw_email_incorrect_header.eml',
      'webklex-php-imap/issue-40.eml',
    ],
  },
  {
    field: 'sender',
    why: brokenAddress,
    files: [
      'enmime/mail/malformed-multiple-address-header-values.raw',
      'enmime/mail/qp-utf8-header-recursed.raw',
      'mailcore2/jwz/input/86',
      'mimekit/mbox/content-length.mbox.txt#7',
      'mimekit/messages/issue358.txt',
      'ruby-mail/plain_emails/mix_caps_content_type.eml',
      'webklex-php-imap/issue-462.eml',
    ],
  },
  {
    field: 'sender',
    why: 'the name is an address and the address another one: ours is the address, the reference takes the name for it',
    files: ['spamscope/mail_test_19'],
  },
  {
    field: 'sender',
    why: 'limit: a route in an address (obsolete, RFC 5322 §4.4) stays in it',
    files: ['rspamd/phish_sender6.eml', 'transcripts/imaptest/fetch-envelope.mbox#6'],
  },
  {
    field: 'leaf parts',
    why: 'parts within parts of the same boundary: a delimiter belongs to the innermost one here, in the reference to the outermost',
    files: ['cpython/msg_37.txt', 'cpython/msg_39.txt', 'mimekit/mbox/simple.mbox.txt#2', 'stalwart-mail-parser/malformed/013.eml'],
  },
  {
    field: 'leaf parts',
    why: 'a boundary of no characters is none (RFC 2046 §5.1.1); the reference takes a bare `--` for it',
    files: ['mimekit/mbox/simple.mbox.txt#3'],
  },
  {
    field: 'leaf parts',
    why: 'a multipart without parts is a leaf to the reference, and here is none',
    files: [
      'cpython/msg_42.txt',
      'mime4j/testmsgs/missing-inner-boundary.msg',
      'mimekit/messages/empty-multipart.txt',
      'stalwart-mail-parser/malformed/001.eml',
      'stalwart-mail-parser/thirdparty/015.eml',
    ],
  },
  {
    field: 'leaf parts',
    why: 'the message ends with a delimiter: the reference counts a last part of no bytes',
    files: ['james/jmap/alternative.eml', 'rspamd/badboundary.eml'],
  },
  {
    field: 'leaf parts',
    why: lostHeader,
    files: [
      'james/mailbox-store/mailWithLongHeaders.eml',
      'james/mailbox-store/oneAttachmentAndSomeTextInlined.eml',
      'james/mailbox-store/oneAttachmentWithEmptyContentType.eml',
      'james/mailbox-store/oneAttachmentWithSimpleContentType.eml',
      'james/mailbox-store/oneHtmlAttachmentAndSomeTextInlined.eml',
      'mimekit/messages/feedback-report.txt',
      'mimekit/messages/issue358.txt',
    ],
  },
  {
    field: 'leaf parts',
    why: 'the boundary ends in two spaces (forbidden by RFC 2046 §5.1.1) and one delimiter has only one of them: no delimiter here',
    files: ['mime4j/testmsgs/very-long-boundary.msg'],
  },
  {
    field: 'leaf parts',
    why: 'a part that ends before it has begun is a part here, though it holds nothing',
    files: ['stalwart-mail-parser/malformed/000.eml'],
  },
  {
    field: 'leaf parts',
    why: 'a message within the message in base64 (forbidden by RFC 2046 §5.2.1, and common) is opened here and not by the reference',
    files: ['stalwart-mail-parser/rfc/008.eml', 'tika/testGroupWiseEml.eml'],
  },
  {
    field: 'attachments',
    why: 'a multipart without parts is an attachment to the reference, and here is none',
    files: [
      'cpython/msg_39.txt',
      'mime4j/testmsgs/missing-inner-boundary.msg',
      'mimekit/messages/empty-multipart.txt',
      'sisimai/bsd/lhost-office365-09.eml',
      'sisimai/bsd/lhost-office365-10.eml',
      'sisimai/bsd/lhost-office365-11.eml',
      'sisimai/bsd/lhost-verizon-02.eml',
      'spamscope/mail_malformed_1',
      'stalwart-mail-parser/malformed/001.eml',
      'stalwart-mail-parser/malformed/013.eml',
    ],
  },
  {
    field: 'attachments',
    why: 'a line of the header is not folded as it should be: the reference ends the header there and takes the rest for content',
    files: ['enmime/low-quality/bad-header-wrap.raw'],
  },
  {
    field: 'attachments',
    why: 'no empty line between header and content: the reference takes the first line that is no field for content, we take it for header',
    files: ['mailcore2/jwz/input/20'],
  },
  {
    field: 'attachments',
    why: 'limit: `x-uuencode` is not decoded; size and hash are of what stands in the message',
    files: ['mail-mime-parser/m3007.txt', 'stalwart-mail-parser/legacy/026.eml', 'stalwart-mail-parser/legacy/048.eml'],
  },
  {
    field: 'attachments',
    why: 'a closing delimiter with more behind it (`--boundary-->`) is none; the part goes on to the end',
    files: ['enmime/mail/epilogue-sample.raw'],
  },
  {
    field: 'attachments',
    why: 'base64 goes on behind `=` here, and ends there for the reference',
    files: ['webklex-php-imap/boolean_decoded_content.eml'],
  },
  {
    field: 'attachments',
    why: 'the mail is nothing but another message: that one is its content, not its attachment',
    files: ['mailcore2/jwz/input/116'],
  },
  {
    field: 'attachments',
    why: 'the name is an encoded word with an equals sign before it (`name==?koi8-r?…`): decoded here, dropped by the reference',
    files: ['mime4j/testmsgs/russian-headers.msg'],
  },
  {
    field: 'attachments',
    why: 'a name with bytes above 127 without a charset, as with the subjects',
    files: ['stalwart-mail-parser/legacy/016.eml', 'stalwart-mail-parser/legacy/023.eml'],
  },
  {
    field: 'attachments',
    why: 'lines of a text that end with CR alone are hashed with LF',
    files: ['sisimai-line-endings/mac/lhost-mcafee-01.eml'],
  },
];
