import { gutterWidth, hueOf, laneX, pitchOf, ROW_HEIGHT, strokes } from "../../graph/gutter.ts";
import type { Piece } from "../../graph/lanes.ts";

/** The graph beside one row. */
export interface Beside {
  lanes: number;
  /** Lane of the row; -1 if it has no edges. */
  lane: number;
  pieces: readonly Piece[];
  /** For each piece whether it is highlighted. */
  lit: readonly boolean[];
}

interface Props extends Beside {
  /** A layer that can be explained, another one, or a fold of several. */
  mark: "explainable" | "other" | "fold" | null;
}

export function Gutter({ lanes, lane, pieces, lit, mark }: Props) {
  const pitch = pitchOf(lanes);
  const x = laneX(lane, pitch);
  const on = pieces.some(({ kind }, i) => kind !== "through" && lit[i]);
  return (
    <svg class="ke-gutter" width={gutterWidth(lanes)} height={ROW_HEIGHT} aria-hidden="true" focusable="false">
      {strokes(pieces, lane, lit, pitch).map(({ hue, lit, d }) => (
        <path key={lit ? "lit" : hue} class="ke-edge" data-hue={hue} data-lit={lit || undefined} d={d} />
      ))}
      {mark === "fold" ? (
        <rect
          class="ke-dot"
          data-hue={hueOf(lane)}
          data-lit={on || undefined}
          x={x - 4}
          y={ROW_HEIGHT / 2 - 4}
          width="8"
          height="8"
          rx="2"
        />
      ) : (
        mark && (
          <circle
            class="ke-dot"
            data-mark={mark}
            data-hue={hueOf(lane)}
            data-lit={on || undefined}
            cx={x}
            cy={ROW_HEIGHT / 2}
            r={mark === "other" ? 2.5 : 3.5}
          />
        )
      )}
    </svg>
  );
}
