import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Choice } from "../contract.ts";
import type { Facts } from "../facts.ts";
import { step } from "../keys.ts";
import { bar, bars, placeOf, type Scan } from "../scan.ts";

const MEANING =
  "How gathered the map is at each layer, first to last: the share of its positive mass that lies in the strongest " +
  "tenth of its places. High: few places decide. Low: it is spread out.";

interface Props {
  facts: Facts;
  choice: ReadonlySignal<Choice>;
  /** All layers of what is chosen, once they are here. */
  scan: ReadonlySignal<Scan | null>;
  scanning: ReadonlySignal<boolean>;
  enabled: boolean;
  /** It is about to be used. */
  onDive(): void;
  onPick(layer: string): void;
}

/** Through the network from its first layer to its last. */
export function DepthSlider({ facts, choice, scan, scanning, enabled, onDive, onPick }: Props) {
  const layers = useComputed(() => facts.depth(choice.value));
  const place = useComputed(() => {
    const order = facts.modelOf(choice.value).nodes.map(({ path }) => path);
    return placeOf(choice.value.layer, layers.value, order);
  });
  const why = useComputed(() => facts.whyNoScan(choice.value));
  const layer = useComputed(() => choice.value.layer).value;
  const count = layers.value.length;
  if (count === 0) return null;
  return (
    <div class="ke-depth">
      <div class="ke-strip">
        {scan.value ? (
          <Strip scan={scan.value} place={place.value} />
        ) : (
          <Offer why={why.value} scanning={scanning.value} enabled={enabled} onDive={onDive} />
        )}
      </div>
      <label class="ke-slider">
        <span>Depth</span>
        <input
          type="range"
          aria-label="Depth"
          aria-valuetext={`${layer}, ${place.value + 1} of ${count}`}
          min={1}
          max={count}
          step={1}
          value={place.value + 1}
          disabled={!enabled}
          data-lm-suppress-shortcuts="true"
          // Not as the focus comes: to pass by is no use, and would move what one goes back to.
          onKeyDown={({ key }) => step(key, 0, 2) >= 0 && onDive()}
          onPointerDown={onDive}
          onInput={(event) => onPick(layers.peek()[event.currentTarget.valueAsNumber - 1])}
        />
        <span class="ke-number" style={{ minWidth: `${2 * String(count).length + 1}ch` }}>
          {place.value + 1}/{count}
        </span>
      </label>
    </div>
  );
}

function Strip({ scan, place }: { scan: Scan; place: number }) {
  const heights = scan.concentrations;
  const all = useMemo(() => bars(heights), [heights]);
  return (
    <svg
      viewBox={`0 0 ${heights.length} 1`}
      preserveAspectRatio="none"
      role="presentation"
      aria-hidden="true"
      focusable="false"
    >
      <title>{MEANING}</title>
      <rect width={heights.length} height="1" fill="transparent" />
      <path d={all} />
      {place >= 0 && <path class="ke-here" d={bar(place, heights[place] ?? 0, 0)} />}
    </svg>
  );
}

interface OfferProps {
  /** Why all layers at once are not to be had; null if they are. */
  why: string | null;
  scanning: boolean;
  enabled: boolean;
  onDive(): void;
}

function Offer({ why, scanning, enabled, onDive }: OfferProps) {
  if (scanning) return <span class="ke-hint">Computing all layers …</span>;
  if (why) return <span class="ke-hint">{why}</span>;
  return (
    <button
      type="button"
      class="ke-link"
      disabled={!enabled}
      title="Compute the maps of all layers in one pass; then Depth needs no kernel"
      onClick={onDive}
    >
      All layers at once
    </button>
  );
}
