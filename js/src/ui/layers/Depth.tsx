import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { step } from "../../host/keys.ts";
import { bar, bars, placeOf, type Scan } from "../../kernel/allLayers.ts";
import type { Choice } from "../../messages.ts";
import type { Facts } from "../../state/catalog.ts";
import { Switch } from "../controls/Switch.tsx";

const MEANING =
  "How gathered the map is at each layer, first to last: the share of its positive mass that lies in the strongest " +
  "tenth of its places. Long: few places decide. Short: it is spread out.";

export interface DepthProps {
  facts: Facts;
  choice: ReadonlySignal<Choice>;
  /** All layers of what is chosen, once they are here. */
  scan: ReadonlySignal<Scan | null>;
  scanning: ReadonlySignal<boolean>;
  enabled: ReadonlySignal<boolean>;
  /** All layers are to be at hand, or no more. */
  onDive(): void;
  onSurface(): void;
  onPick(layer: string): void;
}

/** The layers that there are maps of, and the place of the chosen one among them. */
function useDepth({ facts, choice }: DepthProps) {
  const layers = useComputed(() => facts.depth(choice.value));
  const place = useComputed(() => {
    const order = facts.modelOf(choice.value).nodes.map(({ path }) => path);
    return placeOf(choice.value.layer, layers.value, order);
  });
  return { layers, place };
}

/** Beside the layers, through the network from its first layer to its last, with a bar for each. */
export function DepthStrip(props: DepthProps) {
  const { choice, scan, enabled, onDive, onPick } = props;
  const { layers, place } = useDepth(props);
  const count = layers.value.length;
  if (count === 0) return null;
  return (
    <div class="ke-depth" style={{ "--count": count }}>
      {scan.value && <Bars scan={scan.value} place={place.value} />}
      <input
        type="range"
        aria-label="Depth"
        aria-orientation="vertical"
        aria-valuetext={`${choice.value.layer}, ${place.value + 1} of ${count}`}
        title="Depth"
        min={1}
        max={count}
        step={1}
        value={place.value + 1}
        disabled={!enabled.value}
        data-lm-suppress-shortcuts="true"
        // Not as the focus comes: to pass by is no use.
        onKeyDown={({ key }) => step(key, 0, 2) >= 0 && onDive()}
        onPointerDown={onDive}
        onInput={(event) => onPick(layers.peek()[event.currentTarget.valueAsNumber - 1])}
      />
    </div>
  );
}

function Bars({ scan, place }: { scan: Scan; place: number }) {
  const lengths = scan.concentrations;
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
        {place >= 0 && <path class="ke-here" d={bar(place, lengths[place] ?? 0, 0)} />}
      </g>
    </svg>
  );
}

/** Under the layers: how deep one is, and whether all of them are at hand; or why they are not to be had at once. */
export function DepthFoot(props: DepthProps) {
  const { facts, choice, scan, scanning, enabled, onDive, onSurface } = props;
  const { layers, place } = useDepth(props);
  const why = useComputed(() => facts.whyNoScan(choice.value)).value;
  const count = layers.value.length;
  if (count === 0) return null;
  const on = scan.value !== null || scanning.value;
  return (
    <>
      <span class="ke-number">
        {place.value + 1}/{count}
      </span>
      {why ? (
        <span class="ke-why" title={why}>
          {why}
        </span>
      ) : (
        <Switch
          name="All layers at once"
          title="Compute the maps of all layers in one pass; then Depth needs no kernel"
          on={on}
          disabled={!enabled.value}
          onSwitch={on ? onSurface : onDive}
        />
      )}
    </>
  );
}
