/** The suggestions below the box. The focus stays in the box: arrows choose, Enter or Tab takes, Escape puts them away. */
import styles from './messages.module.css';
import type { Suggestion } from './suggestions.ts';

export function optionId(list: string, index: number): string {
  return `${list}-${index}`;
}

export function SuggestionList({
  id,
  suggestions,
  chosen,
  onTake,
}: {
  readonly id: string;
  readonly suggestions: readonly Suggestion[];
  /** −1: none. */
  readonly chosen: number;
  readonly onTake: (suggestion: Suggestion) => void;
}) {
  return (
    <div id={id} role="listbox" aria-label="Suggestions" className={`panel ${styles['suggestions'] ?? ''}`}>
      {suggestions.map((one, index) => (
        <div
          key={one.text}
          id={optionId(id, index)}
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          className={index === chosen ? styles['chosen'] : undefined}
          // The box keeps the focus.
          onPointerDown={(event) => {
            event.preventDefault();
            onTake(one);
          }}
        >
          <span className="mono">{one.text}</span>
          <span>{one.says}</span>
        </div>
      ))}
    </div>
  );
}
