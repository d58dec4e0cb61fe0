interface Props {
  readonly values: readonly number[];
  /** How many values fill the width. */
  readonly length: number;
}

const WIDTH = 240;
const HEIGHT = 44;

/** A small curve, the newest value at the right. It shows nothing that the number next to it does not. */
export function Sparkline({ values, length }: Props) {
  const most = Math.max(4, ...values);
  const step = WIDTH / (length - 1);
  const points = values.map((value, i) => {
    const x = WIDTH - (values.length - 1 - i) * step;
    return `${x.toFixed(1)},${(HEIGHT - 3 - (value / most) * (HEIGHT - 8)).toFixed(1)}`;
  });
  const first = WIDTH - (values.length - 1) * step;
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {points.length > 1 && (
        <>
          <path
            className="sparkline__area"
            d={`M${first.toFixed(1)},${HEIGHT} L${points.join(' L')} L${WIDTH},${HEIGHT} Z`}
          />
          <polyline className="sparkline__line" points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}
