/** Shows an address in the person's browser, by the program that each system has for it. */
import { spawn } from 'node:child_process';

const openers: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  // `start` is a word of the shell; this is the program behind it.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** @throws Error where it could not be started */
export async function openInBrowser(url: URL): Promise<void> {
  const [program, ...args] = openers[process.platform] ?? ['xdg-open'];
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, [...args, url.href], { stdio: 'ignore', detached: true, windowsHide: true });
    child.once('error', reject);
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}
