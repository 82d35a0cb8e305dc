/** All mail of the feed that is out of the ordinary, in one list. */
import { participantCases, strangeCases } from './doubtful.ts';
import { journalCases } from './journals.ts';
import type { Case } from './rows.ts';
import { variantCases } from './variants.ts';

export function unusualCases(): Case[] {
  return [...variantCases(), ...participantCases(), ...strangeCases(), ...journalCases()];
}
