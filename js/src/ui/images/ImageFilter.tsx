import type { ReadonlySignal } from "@preact/signals";
import type { Filter, Predictions } from "../../state/predictions.ts";
import { formatCount } from "../../text/format.ts";
import { Select } from "../controls/Select.tsx";

const FILTERS = [
  { value: "all", title: "All" },
  { value: "right", title: "Right" },
  { value: "wrong", title: "Wrong" },
];

/** Filter the images by right and wrong predictions; how many pass, and how many predictions are known. */
export function ImageFilter({
  predictions,
  passing,
}: {
  predictions: Predictions;
  passing: ReadonlySignal<number[] | null>;
}) {
  const known = predictions.known.value;
  const { count } = predictions;
  const found = passing.value;
  return (
    <>
      <Select
        name="Show"
        label="Show images"
        value={predictions.filter.value}
        options={FILTERS}
        onChange={(filter) => predictions.choose(filter as Filter)}
      />
      {found && (
        <span>
          {found.length === 0 && known === count ? "none" : formatCount(found.length)} of {formatCount(count)}
        </span>
      )}
      {found && known < count && (
        <>
          <progress aria-label="Predictions" max={count} value={known} />
          <span>{formatCount(known)} predicted</span>
        </>
      )}
    </>
  );
}
