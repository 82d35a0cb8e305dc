/**
 * What a service manager is told: that the doors are open, that they are being closed, that the program still turns. sd_notify(3).
 *
 * The hard thing is the way there: systemd listens at a datagram socket, which Node does not have. So its own program for that says it,
 * `systemd-notify`; and where nobody listens, none is started. Nothing waits for it, and nothing depends on it.
 */
import { spawn } from 'node:child_process';

export interface ServiceManager {
  ready(): void;
  stopping(): void;
  /** Tells nothing more. */
  end(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** systemd gives up on a service that is silent for `WATCHDOG_USEC`; one word that comes late or is lost must not end it. */
const wordsPerWatch = 3;

export function serviceManager(env: Environment): ServiceManager {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchUs, PATH: path } = env;
  if (socket === undefined || socket === '') return { ready: () => undefined, stopping: () => undefined, end: () => undefined };
  const tell = (...words: readonly string[]): void => {
    const told = spawn('systemd-notify', words, { stdio: 'ignore', env: { NOTIFY_SOCKET: socket, PATH: path } });
    // It may not be there; then systemd says so when its patience ends.
    told.on('error', () => undefined);
    told.unref();
  };
  let watch: NodeJS.Timeout | undefined;
  return {
    ready() {
      tell('--ready');
      const everyMs = Number(watchUs) / 1_000 / wordsPerWatch;
      if (everyMs >= 1) watch = setInterval(() => tell('WATCHDOG=1'), everyMs).unref();
    },
    stopping: () => tell('STOPPING=1'),
    end: () => clearInterval(watch),
  };
}
