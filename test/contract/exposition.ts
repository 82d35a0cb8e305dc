/**
 * A strict reader of Prometheus' text exposition format 0.0.4, written from its page and sharing nothing with the writer.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** @throws Error naming the line that breaks the format */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  const seen = new Set<string>();
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const wrong = (what: string): Error => new Error(`line ${index + 1}: ${what}: ${line}`);
    if (line === '') continue;
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help !== null) {
      const [, name = '', words = ''] = help;
      if (!metricName.test(name) || families.has(name)) throw wrong('a second HELP, or no name');
      if (/\\(?![\\n])/.test(words)) throw wrong('an escape that is none');
      current = { name, type: '', help: words, samples: [] };
      families.set(name, current);
      continue;
    }
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line);
    if (type !== null) {
      if (current === undefined || current.name !== type[1] || current.type !== '' || current.samples.length > 0)
        throw wrong('TYPE out of place');
      current.type = type[2] ?? '';
      continue;
    }
    if (line.startsWith('#')) throw wrong('a comment that is none of ours');
    const sample = readSample(line, wrong);
    if (current === undefined || !belongs(sample.name, current)) throw wrong('a sample outside its family');
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw wrong('the same sample twice');
    seen.add(key);
    current.samples.push(sample);
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function belongs(name: string, { name: family, type }: Pick<Family, 'name' | 'type'>): boolean {
  if (type === 'histogram') return [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name);
  return name === family;
}

function readSample(line: string, wrong: (what: string) => Error): Sample {
  const parts = /^([^{\s]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  const [, name = '', inside, number = ''] = parts ?? [];
  if (!metricName.test(name)) throw wrong('no metric name');
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : number === '-Inf' ? Number.NEGATIVE_INFINITY : Number(number);
  if (number === '' || (Number.isNaN(value) && number !== 'NaN')) throw wrong('no value');
  return { name, labels: inside === undefined ? {} : readLabels(inside, wrong), value };
}

function readLabels(inside: string, wrong: (what: string) => Error): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let rest = inside;
  while (rest !== '') {
    const pair = /^([^=]+)="((?:[^"\\]|\\[\\"n])*)"(,|$)/.exec(rest);
    const [whole = '', name = '', value = ''] = pair ?? [];
    if (pair === null || !labelName.test(name) || Object.hasOwn(labels, name)) throw wrong('labels');
    labels[name] = value.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function checkHistogram({ name, samples }: Family): void {
  const buckets = samples.filter((one) => one.name === `${name}_bucket`);
  const count = samples.find((one) => one.name === `${name}_count`)?.value;
  const last = buckets.at(-1);
  if (last?.labels['le'] !== '+Inf' || last.value !== count) throw new Error(`${name}: the last bucket is not +Inf with all`);
  for (const [index, { value, labels }] of buckets.entries()) {
    const before = buckets[index - 1];
    if (
      before !== undefined &&
      (before.value > value || Number(before.labels['le']) >= Number(labels['le'] === '+Inf' ? Infinity : labels['le']))
    ) {
      throw new Error(`${name}: buckets do not grow`);
    }
  }
}
