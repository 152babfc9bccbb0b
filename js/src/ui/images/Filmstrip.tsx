import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { THUMBNAIL_LIMITS, truncate } from "../../text/truncate.ts";
import { step } from "../controls/listKeys.ts";
import { useOwnId } from "../hooks/useOwnId.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";
import { useVirtualList } from "../hooks/useVirtualList.ts";
import { FilmstripItem, PITCH } from "./FilmstripItem.tsx";
import type { StripProps } from "./stripProps.ts";

interface Props extends StripProps {
  /** The images that pass the filter. */
  items: ReadonlySignal<readonly number[]>;
}

/** The images that pass the filter, in a row; only those in view are rendered. */
export function Filmstrip(props: Props) {
  const { items, labels, chosen, enabled } = props;
  const cut = useMemo(() => truncate(labels, THUMBNAIL_LIMITS), [labels]);
  const id = useOwnId();
  const box = useRef<HTMLDivElement>(null);
  const { chosenAt, positions } = useItems(props, box);
  const { length } = items.value;
  return (
    <div
      ref={box}
      class="ke-images"
      role="listbox"
      aria-label="Images"
      aria-orientation="horizontal"
      aria-disabled={!enabled.value || undefined}
      aria-activedescendant={chosenAt.value >= 0 ? `${id}-${chosen.value}` : undefined}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={(event) => onKeyDown(event, chosenAt.peek(), props, box.current)}
    >
      <div class="ke-filmstrip" style={{ width: `${length * PITCH}px` }}>
        {positions.map((position) => {
          const index = items.value[position];
          const own = { id: `${id}-${index}`, index, position, cut, count: length };
          return <FilmstripItem key={index} {...props} {...own} />;
        })}
      </div>
    </div>
  );
}

/** The position of the chosen image, and the positions to render: those in view, and the chosen one for screen readers. */
function useItems({ items, chosen, imageCache, predictions, ready }: Props, box: { current: HTMLDivElement | null }) {
  const count = useComputed(() => items.value.length);
  const { range, inView, laidOut, show } = useVirtualList(box, count, PITCH, "x");
  const chosenAt = useComputed(() => items.value.indexOf(chosen.value));
  useSignalEffect(() => {
    const seen = items.value.slice(...inView.value);
    imageCache.want(seen);
    // Read again after every answer, because the predictions of a trained model are requested again.
    if (ready.value && predictions.value.known.value >= 0) predictions.value.want(seen);
    if (ready.value) predictions.value.goOn();
  });
  useSyncEffect(() => {
    if (laidOut.value) show(chosenAt.value);
  });
  const [first, last] = range.value;
  const positions = Array.from({ length: last - first }, (_, i) => first + i);
  if (chosenAt.value >= 0 && (chosenAt.value < first || chosenAt.value >= last)) positions.push(chosenAt.value);
  return { chosenAt, positions };
}

function onKeyDown(event: KeyboardEvent, chosenAt: number, { items, enabled, onPick }: Props, box: HTMLElement | null) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const to = step(event.key, chosenAt, items.peek().length);
  if (to < 0) return;
  used(event);
  // First: taking the focus forces a layout of whatever changed before.
  box?.focus({ preventScroll: true });
  if (enabled.peek()) onPick(items.peek()[to]);
}
