/**
 * Numbers as Prometheus reads them: text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), names by
 * its conventions: base units, `_total` for what only grows.
 */

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** A family without samples is left out: its HELP alone would say nothing. */
export function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map(([labels, value]) => line(name, labels, value)).join('')}`;
}

/** @param counts for each bound those that fell below it and above the one before; the last one is for all above */
export function histogram(name: string, help: string, bounds: readonly number[], counts: readonly number[], total: number): string {
  let sum = 0;
  const buckets = counts.map((count, place) => {
    sum += count;
    const bound = bounds[place];
    return line(`${name}_bucket`, { le: bound === undefined ? '+Inf' : String(bound) }, sum);
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${buckets.join('')}${line(`${name}_sum`, {}, total)}${line(`${name}_count`, {}, sum)}`;
}

export function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
