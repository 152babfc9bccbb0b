import { type ReadonlySignal, useComputed } from "@preact/signals";
import { fadingTable, gradient, lookupTable } from "../colormap.ts";
import type { Result, View } from "../contract.ts";
import { formatNumber } from "../format.ts";

interface Props {
  result: Result | null;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
  threshold: ReadonlySignal<number>;
  view: ReadonlySignal<View>;
}

/** What the colours stand for; its place stays when there is nothing to say. */
export function Legend({ result, colormap, signed, threshold, view }: Props) {
  const colours = useComputed(() => {
    const table = view.value === "map" ? lookupTable(colormap.value) : fadingTable(colormap.value, signed.value);
    return gradient(table, threshold.value, signed.value);
  });
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
