import { type ReadonlySignal, useComputed } from "@preact/signals";
import { gradient } from "../colormap.ts";
import type { Result } from "../contract.ts";
import { formatNumber } from "../format.ts";

interface Props {
  result: Result | null;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
  threshold: ReadonlySignal<number>;
}

/** What the colours stand for; its place stays when there is nothing to say. */
export function Legend({ result, colormap, signed, threshold }: Props) {
  const colours = useComputed(() => gradient(colormap.value, threshold.value, signed.value));
  if (!result?.map.finite || !(result.map.high > result.map.low)) return <div class="ke-legend" />;
  const { low, high } = result.map;
  return (
    <div class="ke-legend">
      <span>{formatNumber(low)}</span>
      <i style={{ backgroundImage: colours.value }} />
      <span>
        {formatNumber(high)} {result.unit}
      </span>
    </div>
  );
}
