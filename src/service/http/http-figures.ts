/** The numbers of the server as Prometheus reads them: requests, logins, streams. No path and no name is a label: those would be the asker's. */
import { family } from '../../runtime/exposition.ts';

/** By the status of the answer to `POST /session`. */
const logins: Readonly<Record<number, string>> = { 200: 'in', 401: 'refused', 429: 'wait' };

export class HttpFigures {
  readonly #answers = new Map<string, number>();
  readonly #logins = new Map<string, number>(Object.values(logins).map((outcome) => [outcome, 0]));
  #seconds = 0;
  #streams = 0;
  #certificateEnds: Date | undefined;

  answered(status: number, isLogin: boolean, seconds: number): void {
    const kind = `${Math.floor(status / 100)}xx`;
    this.#answers.set(kind, (this.#answers.get(kind) ?? 0) + 1);
    this.#seconds += seconds;
    const outcome = isLogin ? logins[status] : undefined;
    if (outcome !== undefined) this.#logins.set(outcome, (this.#logins.get(outcome) ?? 0) + 1);
  }

  streams(by: 1 | -1): void {
    this.#streams += by;
  }

  certificate(ends: Date): void {
    this.#certificateEnds = ends;
  }

  text(): string {
    const by = (label: string, of: ReadonlyMap<string, number>) =>
      [...of].sort().map(([value, count]) => [{ [label]: value }, count] as const);
    const ends = this.#certificateEnds;
    return [
      family(
        'postern_http_certificate_end_timestamp_seconds',
        'gauge',
        'When the certificate of the console ends.',
        ends === undefined ? [] : [[{}, ends.getTime() / 1000]],
      ),
      family(
        'postern_http_requests_total',
        'counter',
        'Requests that were answered, by the class of the status.',
        by('status', this.#answers),
      ),
      family('postern_http_request_seconds_total', 'counter', 'Time that answering them took, all together.', [[{}, this.#seconds]]),
      family(
        'postern_http_logins_total',
        'counter',
        'Logins to the console: in, refused, or to wait after too many.',
        by('outcome', this.#logins),
      ),
      family('postern_http_streams', 'gauge', 'Event streams that are open: consoles that are looked at.', [[{}, this.#streams]]),
    ].join('');
  }
}
