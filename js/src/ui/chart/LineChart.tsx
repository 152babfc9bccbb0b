import "./chart.css";
import { path, ticks } from "../../picture/lines.ts";
import { formatNumber } from "../../text/format.ts";

const QUARTERS = [0, 0.25, 0.5, 0.75, 1];

interface Props {
  /** From 0 to 1, from left to right. */
  shares: Float32Array;
  /** NaN where a height is not known yet. */
  lines: readonly { kind: string; heights: Float32Array }[];
  /** In words. */
  label: string;
  caption: string;
  /** A share as the axis writes it. */
  format(share: number): string;
  /** The share that is marked. */
  mark?: number;
}

/** Lines over a share, with the numbers of both axes. */
export function LineChart({ shares, lines, label, caption, format, mark }: Props) {
  const heights = ticks(...lines.map((line) => line.heights));
  const [low, high] = [heights[0], heights[heights.length - 1]];
  const up = (value: number) => 100 * (1 - (value - low) / (high - low));
  return (
    <figure class="ke-chart">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={label}>
        <path d={heights.map((value) => `M0 ${up(value)}H100`).join("")} />
        {mark !== undefined && <path class="ke-mark" d={`M${100 * mark} 0V100`} />}
        {lines.map(({ kind, heights }) => (
          <path key={kind} class={kind} d={path(shares, heights, low, high)} />
        ))}
      </svg>
      <Axis side="top" numbers={heights.map((value) => [up(value), formatNumber(value)])} />
      <Axis side="left" numbers={QUARTERS.map((share) => [100 * share, format(share)])} />
      <figcaption>{caption}</figcaption>
    </figure>
  );
}

function Axis({ side, numbers }: { side: string; numbers: [number, string][] }) {
  return (
    <div aria-hidden="true">
      {numbers.map(([at, text]) => (
        <span key={at} style={{ [side]: `${at}%` }}>
          {text}
        </span>
      ))}
    </div>
  );
}
