/** Why a message is kept apart, in words: what the server did, and what that means for whoever looks for it. */

interface Reason {
  readonly short: string;
  readonly long: string;
}

const reasons: Readonly<Record<string, Reason>> = {
  'no-data': {
    short: 'the server lists it and gives no content',
    long: 'The server lists this message and, asked for it, ends without a single byte. It hands out others, so the fault lies with this one.',
  },
  refused: {
    short: 'the server lists it and refuses to hand it out',
    long: 'The server lists this message and says no when it is asked for.',
  },
  cut: {
    short: 'the connection ended each time that it was asked for',
    long: 'The connection ended each of the four times that it was asked for, while the server hands out others.',
  },
  substitute: {
    short: 'the server sent a text of its own in its place',
    long: 'The server could not convert the message and sent a text of its own in its place. That text is kept, and is not the message.',
  },
};

export function quarantineReason(reason: string): string {
  return reasons[reason]?.short ?? reason;
}

export function quarantineMeaning(reason: string): string {
  return reasons[reason]?.long ?? reason;
}
