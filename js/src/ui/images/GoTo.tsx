import type { ReadonlySignal } from "@preact/signals";
import type { Catalog } from "../../state/catalog.ts";
import { formatCount } from "../../text/format.ts";

interface Props {
  catalog: Catalog;
  count: number;
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  /** Position of the chosen image in the list, from 0; -1 if it is not listed. */
  position: number;
  listed: number;
  onPick(index: number): void;
  onRefuse(why: string): void;
}

/** The index of the chosen image, where another one can be typed; and its position in the strip. */
export function GoTo({ catalog, count, chosen, enabled, position, listed, onPick, onRefuse }: Props) {
  const number = catalog.imageNumber(chosen.value);
  const last = Math.max(...[0, count - 1].map((at) => catalog.imageNumber(at)));

  function go(field: HTMLInputElement) {
    const wanted = field.valueAsNumber;
    const index = Number.isInteger(wanted) ? catalog.imageAt(wanted) : -1;
    if (index >= 0) return onPick(index);
    onRefuse(`No image ${field.value || "without an index"} here. The last index is ${formatCount(last)}.`);
    field.value = `${number}`;
  }

  return (
    <>
      <label class="ke-field">
        Image
        <input
          type="number"
          aria-label="Go to image"
          title="Go to the image with this index (Enter)"
          min={0}
          max={last}
          value={number}
          disabled={!enabled.value}
          data-lm-suppress-shortcuts="true"
          onChange={(event) => go(event.currentTarget)}
        />
      </label>
      <span>
        {position < 0 ? "none" : `position ${formatCount(position + 1)}`} of {formatCount(listed)}
      </span>
    </>
  );
}
