import type { ReadonlySignal } from "@preact/signals";
import type { Truncated } from "../../text/truncate.ts";
import { TruncatedName } from "../controls/TruncatedName.tsx";
import { HEIGHT } from "./useClassRows.ts";

interface Props {
  id: string;
  index: number;
  /** From 0. */
  position: number;
  count: number;
  label: string;
  cut: Truncated;
  query: ReadonlySignal<string>;
  chosen: boolean;
  /** It is the contrast of the chosen class. */
  against: boolean;
  /** It has the keyboard cursor. */
  cursor: boolean;
  /** Share of the row, 0 to 1. */
  bar: number;
  score: string;
}

export function ClassOption(props: Props) {
  const { id, index, position, count, label, cut, query, chosen, against, cursor, bar, score } = props;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and the keys of all its rows
    <div
      id={id}
      role="option"
      class="ke-class"
      aria-selected={chosen}
      aria-posinset={position + 1}
      aria-setsize={count}
      data-index={index}
      data-against={against || undefined}
      data-cursor={cursor || undefined}
      title={label}
      style={{ top: `${position * HEIGHT}px`, "--score": bar }}
    >
      {against && <span class="ke-vs">vs</span>}
      <TruncatedName cut={cut} query={query.value} /> <i class="ke-score" />
      <span class="ke-number">{score}</span>
    </div>
  );
}
