/** Arrivals by the hour as small bars. Its label says the numbers that matter, for those who do not see it. */
import { countText } from './figures.tsx';

const width = 4;
const height = 28;

export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label?: string }) {
  const most = Math.max(1, ...values);
  const total = values.reduce((sum, value) => sum + value, 0);
  const words = label ?? `${countText(total)} in the last 24 hours, ${countText(values.at(-1) ?? 0)} in this hour`;
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${values.length * width} ${height}`}
      width={values.length * width}
      height={height}
      role="img"
      aria-label={words}
      preserveAspectRatio="none"
    >
      <title>{words}</title>
      {values.map((value, index) => {
        const tall = value === 0 ? 1 : Math.max(3, (value / most) * height);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: an hour is its place
          <rect key={index} x={index * width} y={height - tall} width={width - 1} height={tall} className={value === 0 ? 'none' : 'some'} />
        );
      })}
    </svg>
  );
}
