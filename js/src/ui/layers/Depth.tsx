import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { depthOf } from "../../graph/depth.ts";
import type { AllLayers } from "../../kernel/allLayers.ts";
import type { Choice } from "../../messages.ts";
import { bar, bars } from "../../picture/depthBars.ts";
import type { Catalog } from "../../state/catalog.ts";
import { step } from "../controls/listKeys.ts";
import { Switch } from "../controls/Switch.tsx";

const MEANING =
  "How concentrated the map is at each layer: share of positive mass in its top 10 % of cells. " +
  "Long bar: concentrated in few cells. Short bar: spread out.";

export interface DepthProps {
  catalog: Catalog;
  choice: ReadonlySignal<Choice>;
  /** The maps of all layers, once they arrived. */
  allLayers: ReadonlySignal<AllLayers | null>;
  allLayersWaiting: ReadonlySignal<boolean>;
  enabled: ReadonlySignal<boolean>;
  /** Fetch all layers, or drop them. */
  onFetchAll(): void;
  onDropAll(): void;
  onPick(layer: string): void;
}

/** The layers with maps, and the position of the chosen one among them. */
function useDepth({ catalog, choice }: DepthProps) {
  const layers = useComputed(() => catalog.depth(choice.value));
  const position = useComputed(() => {
    const order = catalog.modelOf(choice.value).nodes.map(({ path }) => path);
    return depthOf(choice.value.layer, layers.value, order);
  });
  return { layers, position };
}

/** A slider beside the layers, from the first to the last, with a bar for each. */
export function DepthStrip(props: DepthProps) {
  const { choice, allLayers, enabled, onFetchAll, onPick } = props;
  const { layers, position } = useDepth(props);
  const count = layers.value.length;
  if (count === 0) return null;
  return (
    <div class="ke-depth" style={{ "--count": count }}>
      {allLayers.value && <Bars allLayers={allLayers.value} position={position.value} />}
      <input
        type="range"
        aria-label="Depth"
        aria-orientation="vertical"
        aria-valuetext={`${choice.value.layer}, ${position.value + 1} of ${count}`}
        title="Depth"
        min={1}
        max={count}
        step={1}
        value={position.value + 1}
        disabled={!enabled.value}
        data-lm-suppress-shortcuts="true"
        // Not on focus, which Tab causes as well.
        onKeyDown={({ key }) => step(key, 0, 2) >= 0 && onFetchAll()}
        onPointerDown={onFetchAll}
        onInput={(event) => onPick(layers.peek()[event.currentTarget.valueAsNumber - 1])}
      />
    </div>
  );
}

function Bars({ allLayers, position }: { allLayers: AllLayers; position: number }) {
  const lengths = allLayers.concentrations;
  const all = useMemo(() => bars(lengths), [lengths]);
  return (
    <svg
      class="ke-bars"
      viewBox={`0 0 1 ${lengths.length}`}
      preserveAspectRatio="none"
      role="presentation"
      aria-hidden="true"
      focusable="false"
    >
      <title>{MEANING}</title>
      <g transform="matrix(0 1 -1 0 1 0)">
        <path d={all} />
        {position >= 0 && <path class="ke-current" d={bar(position, lengths[position] ?? 0, 0)} />}
      </g>
    </svg>
  );
}

/** Below the layers: the position of the slider, and the switch for all layers or the reason why there is none. */
export function DepthFoot(props: DepthProps) {
  const { catalog, choice, allLayers, allLayersWaiting, enabled, onFetchAll, onDropAll } = props;
  const { layers, position } = useDepth(props);
  const why = useComputed(() => catalog.whyNotAllLayers(choice.value)).value;
  const count = layers.value.length;
  if (count === 0) return null;
  const on = allLayers.value !== null || allLayersWaiting.value;
  return (
    <>
      <span class="ke-number">
        {position.value + 1}/{count}
      </span>
      {why ? (
        <span class="ke-reason" title={why}>
          {why}
        </span>
      ) : (
        <Switch
          name="All layers at once"
          title="Compute the maps of all layers in one pass; then the Depth slider needs no kernel"
          on={on}
          disabled={!enabled.value}
          onSwitch={on ? onDropAll : onFetchAll}
        />
      )}
    </>
  );
}
