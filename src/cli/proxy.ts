/** `postern proxy`. */
import { flushCompileCache } from 'node:module';
import type { ProxyEvent, ProxyPort } from '../proxy/port.ts';
import { type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { configFile, expectNoArguments } from './parse.ts';
import { bugText } from './print.ts';
import type { ServiceManager } from './service-manager.ts';
import { logFrom } from './teller.ts';

/** With the 20 seconds for what the queue has in hand it is less than the unit gives (`TimeoutStopSec`). */
const drainMs = 30_000;

export const proxy: Command = {
  name: 'proxy',
  summary: 'Open the door for applications that only know user and password: IMAP, POP3 and SMTP here, OAuth 2.0 at the server.',
  usage: '[--log text|json] [--config FILE]',
  details: `It listens where \`proxy: listeners\` says and lets in the clients of \`postern proxy client\`. An application logs in with the
mailbox's address as its user name, or CLIENT/ADDRESS, and the client's password. SIGHUP reads the configuration anew, a
changed list of clients is seen by itself; sessions go on. Ctrl-C or SIGTERM takes no more connections, lets sessions come
to an end for 30 seconds, and ends them. \`postern serve\` opens the same door beside the console.`,
  options: {
    log: { type: 'string', value: 'FORM', help: 'What happens, on stderr: text (default; fail2ban reads it), or json, one object a line.' },
  },
  run: async (args, terminal) => {
    expectNoArguments(proxy, args);
    const form = await logFrom(args);
    const { loadConfig } = await import('../config/load.ts');
    const { proxyConfig, proxyFor, reloadProxy } = await import('./wire-proxy.ts');
    const { logFields, logText } = await import('../proxy/log.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const { isFault } = await import('../fault/fault.ts');
    const config = await loadConfig(configFile(args, terminal.env), terminal.env);
    const time = (): string => new Date(systemClock.now()).toISOString();
    const tell = (event: ProxyEvent): void => {
      const text = form === 'json' ? JSON.stringify({ time: time(), ...logFields(event) }) : logText(event);
      if (text !== undefined) terminal.stderr.write(form === 'json' ? `${text}\n` : `${time()} ${text}\n`);
    };
    const running = await proxyFor(config, { onEvent: tell, onBug: (error) => void terminal.stderr.write(bugText(error)) });
    const reload = (): void => {
      reloadProxy(running, configFile(args, terminal.env), terminal.env).catch((error: unknown) => {
        if (isFault(error)) tell({ kind: 'fault', fault: error });
        else terminal.stderr.write(bugText(error));
      });
    };
    process.on('SIGHUP', reload);
    const { serviceManager } = await import('./service-manager.ts');
    const manager = serviceManager(terminal.env);
    const { health } = proxyConfig(config);
    const { serveProxyHealth } = await import('../proxy/health.ts');
    try {
      const served = health && (await serveProxyHealth(running, health, version()));
      if (served !== undefined && form === 'text') terminal.stderr.write(`${time()} health and metrics at http://${served.address}/\n`);
      if (running.clients().length === 0 && form === 'text') {
        terminal.stderr.write(`${time()} there are no clients yet: postern proxy client add NAME --mailbox ADDRESS\n`);
      }
      // Else only an orderly end writes it. A start that has to strip types itself keeps the tool for that in memory: some 15 MB.
      flushCompileCache();
      manager.ready();
      return await untilEnded(running, terminal, served, manager);
    } finally {
      process.off('SIGHUP', reload);
      await running.close(drainMs);
      manager.end();
    }
  },
};

async function untilEnded(
  running: ProxyPort,
  terminal: Terminal,
  served: { close(): Promise<void> } | undefined,
  manager: ServiceManager,
): Promise<ExitCode> {
  if (!terminal.signal.aborted)
    await new Promise<void>((resolve) => terminal.signal.addEventListener('abort', () => resolve(), { once: true }));
  manager.stopping();
  // Health still answers, and says that it is not ready, while sessions come to their end.
  await running.close(drainMs);
  await served?.close();
  return exit.done;
}

function version(): string {
  const text = process.getBuiltinModule('node:fs').readFileSync(`${import.meta.dirname}/../../package.json`, 'utf8');
  return String(JSON.parse(text).version);
}
