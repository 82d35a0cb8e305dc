/** The problem of a message that ended a deriving thread or took longer than it may: no parser is given it again to show its text. */
export const neverEnds = 'the parser did not come to an end with it';
