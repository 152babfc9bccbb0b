import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { type ImageCache, THUMBNAIL } from "../../picture/imageCache.ts";
import type { Catalog } from "../../state/catalog.ts";
import type { Prediction, Predictions } from "../../state/predictions.ts";
import { formatScore } from "../../text/format.ts";
import { type Truncated, truncate, UNDER } from "../../text/truncate.ts";
import { step } from "../controls/listKeys.ts";
import { TruncatedName } from "../controls/TruncatedName.tsx";
import { useAfterPaint } from "../hooks/useAfterPaint.ts";
import { useOwnId } from "../hooks/useOwnId.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";
import { useVirtualList } from "../hooks/useVirtualList.ts";
import { GoTo } from "./GoTo.tsx";
import { ImageFilter } from "./ImageFilter.tsx";
import { Thumbnail } from "./Thumbnail.tsx";

/** A thumbnail of 56 px and the gap beside it. */
const PITCH = 63;

interface Props {
  catalog: Catalog;
  count: number;
  nameOf(index: number): string;
  /** Of the classes. */
  labels: readonly string[];
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  imageCache: ImageCache;
  /** What the model sees on them. */
  predictions: ReadonlySignal<Predictions>;
  /** The first map is here: there is time for predictions. */
  ready: ReadonlySignal<boolean>;
  /** The right classes are known. */
  targets: boolean;
  /** Its name, where there are several. */
  model: string | null;
  onPick(index: number): void;
  /** There is no such image. */
  onRefuse(why: string): void;
}

export function ImageStrip(props: Props) {
  const { count, chosen, predictions, targets, model } = props;
  const painted = useAfterPaint();
  const passing = useComputed(() => predictions.value.passing());
  const items = useComputed(() => passing.value ?? Array.from({ length: count }, (_, i) => i));
  return (
    <section class="ke-strip-of-images">
      {count > 1 && (
        <div class="ke-filter">
          <GoTo {...props} place={items.value.indexOf(chosen.value)} listed={items.value.length} />
          {targets && <ImageFilter predictions={predictions.value} passing={passing} />}
          {model && <span class="ke-told-by">Predictions of {model}</span>}
        </div>
      )}
      {painted.value && <Filmstrip {...props} items={items} />}
    </section>
  );
}

/** The images that pass, in a row; only those in view exist. */
function Filmstrip(props: Props & { items: ReadonlySignal<readonly number[]> }) {
  const { items, labels, chosen, enabled, imageCache, predictions, ready, onPick } = props;
  const cut = useMemo(() => truncate(labels, UNDER), [labels]);
  const id = useOwnId();
  const box = useRef<HTMLDivElement>(null);
  const { range, inView, laidOut, show } = useVirtualList(
    box,
    useComputed(() => items.value.length),
    PITCH,
    "x",
  );
  const place = useComputed(() => items.value.indexOf(chosen.value));
  useSignalEffect(() => {
    const seen = items.value.slice(...inView.value);
    imageCache.want(seen);
    // Read anew with every answer, since a model that was trained has to be asked again.
    if (ready.value && predictions.value.known.value >= 0) predictions.value.want(seen);
    if (ready.value) predictions.value.goOn();
  });
  useSyncEffect(() => {
    if (laidOut.value) show(place.value);
  });

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = step(event.key, place.peek(), items.peek().length);
    if (to < 0) return;
    used(event);
    // First, since to take the focus lays out what is changed.
    box.current?.focus({ preventScroll: true });
    if (enabled.peek()) onPick(items.peek()[to]);
  }

  const [first, last] = range.value;
  const positions = Array.from({ length: last - first }, (_, i) => first + i);
  if (place.value >= 0 && (place.value < first || place.value >= last)) positions.push(place.value);
  return (
    <div
      ref={box}
      class="ke-images"
      role="listbox"
      aria-label="Images"
      aria-orientation="horizontal"
      aria-disabled={!enabled.value || undefined}
      aria-activedescendant={place.value >= 0 ? `${id}-${chosen.value}` : undefined}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={onKeyDown}
    >
      <div class="ke-reel" style={{ width: `${items.value.length * PITCH}px` }}>
        {positions.map((position) => (
          <Item
            key={items.value[position]}
            {...props}
            id={`${id}-${items.value[position]}`}
            index={items.value[position]}
            position={position}
            cut={cut}
            count={items.value.length}
          />
        ))}
      </div>
    </div>
  );
}

interface ItemProps extends Props {
  id: string;
  index: number;
  position: number;
  cut(name: string): Truncated;
}

function Item({
  id,
  index,
  position,
  count,
  nameOf,
  labels,
  cut,
  chosen,
  enabled,
  imageCache,
  predictions,
  onPick,
}: ItemProps) {
  const own = useComputed(() => index === chosen.value);
  // Read anew with every answer.
  const prediction = predictions.value.known.value > 0 ? predictions.value.at(index) : undefined;
  const label = prediction && (labels[prediction.top] ?? `class ${prediction.top}`);
  const name = nameOf(index);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its items
    <div
      id={id}
      role="option"
      class="ke-thumbnail"
      aria-label={prediction ? `${name}: ${label}${spoken(prediction)}` : name}
      aria-selected={own}
      aria-posinset={position + 1}
      aria-setsize={count}
      tabIndex={-1}
      title={prediction ? `${name}: ${label}, ${formatScore(prediction.score)}${spoken(prediction)}` : name}
      style={{ left: `${position * PITCH}px` }}
      onClick={() => enabled.peek() && onPick(index)}
    >
      <Thumbnail bitmap={imageCache.thumbnail(index)} size={THUMBNAIL} />
      {label !== undefined && (
        <span class="ke-predicted">
          <TruncatedName cut={cut(label)} />
        </span>
      )}
      {typeof prediction?.right === "boolean" && <Mark right={prediction.right} />}
    </div>
  );
}

function spoken({ right }: Prediction): string {
  return right === null ? "" : right ? ", right" : ", wrong";
}

/** A tick or a cross: by its shape, whatever the colour. */
function Mark({ right }: { right: boolean }) {
  return (
    <svg class="ke-mark" data-right={right} viewBox="0 0 12 12" fill="none" stroke="currentColor" aria-hidden="true">
      <path d={right ? "M2.5 6.5 5 9l4.5-6" : "M3 3l6 6M9 3 3 9"} />
    </svg>
  );
}
