/** What is wider than a phone scrolls inside of itself, and is reached by the keyboard. */
import type { ReactNode } from 'react';

/** `name`: what is in it, for those who come to it by Tab. */
export function Scroller({
  name,
  panel = false,
  children,
}: {
  readonly name: string;
  readonly panel?: boolean;
  readonly children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section className={panel ? 'panel scroller' : 'scroller'} tabIndex={0} aria-label={name}>
      {children}
    </section>
  );
}
