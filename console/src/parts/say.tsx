/** Short words after something was done, at the edge of the page; read out politely. They go by themselves; what is wrong stays longer. */
import { Alert } from '@mantine/core';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';

type Tone = 'good' | 'bad';
type Say = (words: ReactNode, tone?: Tone) => void;

interface Word {
  readonly key: number;
  readonly words: ReactNode;
  readonly tone: Tone;
}

const shownMs = { good: 5_000, bad: 14_000 } as const;
const SayContext = createContext<Say | undefined>(undefined);

export function useSay(): Say {
  const say = useContext(SayContext);
  if (say === undefined) throw new Error('useSay stands outside of SayProvider.');
  return say;
}

export function SayProvider({ children }: { readonly children: ReactNode }) {
  const [words, setWords] = useState<readonly Word[]>([]);
  const count = useRef(0);
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  useEffect(() => {
    const waiting = timers.current;
    return () => {
      for (const timer of waiting) clearTimeout(timer);
    };
  }, []);
  const say = useMemo(
    (): Say =>
      (text, tone = 'good') => {
        count.current += 1;
        const key = count.current;
        setWords((before) => [...before.slice(-3), { key, words: text, tone }]);
        const timer = setTimeout(() => {
          timers.current.delete(timer);
          setWords((before) => before.filter((one) => one.key !== key));
        }, shownMs[tone]);
        timers.current.add(timer);
      },
    [],
  );
  return (
    <SayContext value={say}>
      {children}
      <div className="said" role="status" aria-live="polite">
        {words.map(({ key, words: text, tone }) => (
          <Alert
            key={key}
            color={tone === 'good' ? 'green' : 'red'}
            variant="light"
            withCloseButton
            closeButtonLabel="Close"
            onClose={() => setWords((before) => before.filter((one) => one.key !== key))}
          >
            {text}
          </Alert>
        ))}
      </div>
    </SayContext>
  );
}
