import { useComputed } from "@preact/signals";
import { THUMBNAIL } from "../../picture/imageCache.ts";
import type { Prediction } from "../../state/predictions.ts";
import { formatPixels, formatScore } from "../../text/format.ts";
import type { Truncated } from "../../text/truncate.ts";
import { TruncatedName } from "../controls/TruncatedName.tsx";
import type { StripProps } from "./stripProps.ts";
import { Thumbnail } from "./Thumbnail.tsx";

/** A thumbnail of 56 px and the gap beside it. */
export const PITCH = 63;

interface Props extends StripProps {
  id: string;
  index: number;
  position: number;
  cut(name: string): Truncated;
}

export function FilmstripItem(props: Props) {
  const { id, index, position, count, nameOf, labels, cut, chosen, enabled, imageCache, predictions, onPick } = props;
  const format = props.catalog.setup.shares ? formatPixels : formatScore;
  const own = useComputed(() => index === chosen.value);
  // Read again after every answer.
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
      title={prediction ? `${name}: ${label}, ${format(prediction.score)}${spoken(prediction)}` : name}
      style={{ left: `${position * PITCH}px` }}
      onClick={() => enabled.peek() && onPick(index)}
    >
      <Thumbnail bitmap={imageCache.thumbnail(index)} size={THUMBNAIL} />
      {label !== undefined && (
        <span class="ke-predicted">
          <TruncatedName cut={cut(label)} />
        </span>
      )}
      {typeof prediction?.correct === "boolean" && <Mark correct={prediction.correct} />}
    </div>
  );
}

function spoken({ correct }: Prediction): string {
  return correct === null ? "" : correct ? ", right" : ", wrong";
}

/** A tick or a cross: different in shape, not only in colour. */
function Mark({ correct }: { correct: boolean }) {
  return (
    <svg
      class="ke-mark"
      data-correct={correct}
      viewBox="0 0 12 12"
      fill="none"
      stroke="currentColor"
      aria-hidden="true"
    >
      <path d={correct ? "M2.5 6.5 5 9l4.5-6" : "M3 3l6 6M9 3 3 9"} />
    </svg>
  );
}
