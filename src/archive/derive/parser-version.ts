/** Which parser makes the records. Without imports: who only compares versions shall not load a parser. */

/** Raised when a record of the same bytes would come out otherwise than before; stands on each record. */
export const parserVersion = 2;
