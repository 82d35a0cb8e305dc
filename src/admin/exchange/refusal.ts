/**
 * What Exchange means when a cmdlet fails: the same whether it is told over HTTP or by PowerShell.
 *
 * The hard thing: the useful words lie deep, as `id|type|text`, below generic ones. M365 (recorded): types and texts, from several open
 * clients. An unknown one stays unknown and is kept as it came.
 */
import { Fault } from '../../fault/fault.ts';

export interface CmdletFailure {
  readonly cmdlet: string;
  readonly type: string;
  readonly text: string;
  readonly status: number;
  readonly requestId: string;
}

const passing =
  /CmdletProxyNotAvailable|ServerBusyException|TransientException|BackendCommunicationException|UnableToWriteToAad|maximum number of concurrent requests/i;

/** Whether the same may be sent again after a pause: the server itself calls it passing. */
export function isPassing({ type, text }: Pick<CmdletFailure, 'type' | 'text'>): boolean {
  return passing.test(type) || passing.test(text);
}

export function cmdletFault(failure: CmdletFailure): Fault {
  const { cmdlet, type, text, status, requestId } = failure;
  const evidence = { cmdlet, type, text, status, requestId };
  if (isPassing(failure)) return new Fault('exchange.busy', evidence);
  // M365 (recorded): what a person has no right to is not there for them.
  if (/is not recognized as|is not present/i.test(text) && text.includes(cmdlet)) return new Fault('exchange.cmdlet-not-allowed', evidence);
  if (/ManagementObjectNotFoundException/.test(type) || /couldn't be found on/i.test(text))
    return new Fault('exchange.not-found', evidence);
  if (/already exist/i.test(text)) return new Fault('exchange.already-there', evidence);
  return new Fault('exchange.refused', evidence);
}
