import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { Result } from "../../messages.ts";
import { fadingTable, gradient, lookupTable } from "../../picture/colormap.ts";
import type { Store } from "../../state/store.ts";
import { formatNumber, formatShare } from "../../text/format.ts";
import { Range } from "../controls/Slider.tsx";

interface Props {
  store: Store;
  result: Result | null;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
  /** Number of the pane, from 1. */
  number: number;
}

/** The colours and their range, with the threshold's slider on them; its space stays when there is no map. */
export function Legend({ store, result, colormap, signed, number }: Props) {
  const { threshold, view } = store.display;
  const colours = useComputed(() => {
    const table = view.value === "map" ? lookupTable(colormap.value) : fadingTable(colormap.value, signed.value);
    return gradient(table, threshold.value, signed.value);
  });
  const map = result?.map.finite && result.map.high > result.map.low ? result.map : null;
  return (
    <div class="ke-legend">
      {map && <span>{formatNumber(map.low)}</span>}{" "}
      <span class="ke-colours" data-signed={signed.value || undefined}>
        <i style={{ backgroundImage: map ? colours.value : "none" }} />
        <Range
          name={number === 1 ? "Threshold" : `Threshold ${number}`}
          value={threshold}
          text={`${formatShare(threshold.value)} hidden`}
          onChange={(...change) => store.display.setThreshold(...change)}
        />
      </span>
      {map && <span>{formatNumber(map.high)}</span>}{" "}
      {map && result && <small>{store.catalog.unit(result.choice)}</small>}
    </div>
  );
}
