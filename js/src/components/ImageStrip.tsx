import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { type Gallery, THUMBNAIL } from "../gallery.ts";
import { step, used } from "../keys.ts";
import { Thumbnail } from "./Thumbnail.tsx";
import { scrollToItem, useWindow } from "./useWindow.ts";

/** A thumbnail of 56 px and the gap beside it. */
const PITCH = 63;

interface Props {
  count: number;
  labels: readonly string[] | null;
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  gallery: Gallery;
  onPick(index: number): void;
}

export function ImageStrip({ count, labels, chosen, enabled, gallery, onPick }: Props) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const { range, inView, extent } = useWindow(
    box,
    useComputed(() => count),
    PITCH,
    "x",
  );
  useSignalEffect(() => {
    const [first, last] = inView.value;
    gallery.want(Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i));
  });
  useEffect(() => {
    if (box.current) scrollToItem(box.current, chosen.value * PITCH, PITCH, "x");
  }, [chosen.value, extent.value > 0]);

  function pick(index: number) {
    if (enabled.peek()) onPick(index);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = step(event.key, chosen.peek(), count);
    if (to < 0) return;
    used(event);
    pick(to);
    box.current?.focus({ preventScroll: true });
  }

  const [first, last] = range.value;
  const indices = Array.from({ length: last - first }, (_, i) => first + i);
  if (chosen.value < first || chosen.value >= last) indices.push(chosen.value);
  return (
    <div
      ref={box}
      class="ke-images"
      role="listbox"
      aria-label="Images"
      aria-orientation="horizontal"
      aria-disabled={!enabled.value || undefined}
      aria-activedescendant={`${id}-${chosen.value}`}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={onKeyDown}
    >
      <div class="ke-reel" style={{ width: `${count * PITCH}px` }}>
        {indices.map((index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys of all its items
          <div
            key={index}
            id={`${id}-${index}`}
            role="option"
            class="ke-thumbnail"
            aria-label={labels?.[index] ?? `Image ${index}`}
            aria-selected={index === chosen.value}
            aria-posinset={index + 1}
            aria-setsize={count}
            tabIndex={-1}
            title={labels?.[index] ?? `Image ${index}`}
            style={{ left: `${index * PITCH}px` }}
            onClick={() => pick(index)}
          >
            <Thumbnail bitmap={gallery.thumbnail(index)} size={THUMBNAIL} />
          </div>
        ))}
      </div>
    </div>
  );
}
