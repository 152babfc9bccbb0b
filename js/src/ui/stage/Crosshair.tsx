import type { ReadonlySignal } from "@preact/signals";
import type { Picture } from "../../picture/picture.ts";
import { type Cursor, cellAt, readAt } from "../../state/cursor.ts";
import { formatNumber } from "../../text/format.ts";

interface Props {
  cursor: ReadonlySignal<Cursor | null>;
  picture: ReadonlySignal<Picture | null>;
}

/** The cursor with the map's value there. It lies over the picture, and lets pointer events through. */
export function Crosshair({ cursor, picture }: Props) {
  const at = cursor.value;
  const shown = picture.value;
  if (!at || !shown) return <span aria-live="polite" class="ke-hidden" />;
  const pixel = cellAt(at, shown.size);
  const result = shown.result;
  const cell = result && readAt(at, result.map, result.values);
  const value = cell ? readable(cell.value) : result ? "outside the model input" : "no map yet";
  const where = `pixel ${pixel.column}, ${pixel.row}`;
  const inMap = cell ? `cell ${cell.column}, ${cell.row}` : "";
  return (
    <>
      <div
        class="ke-crosshair"
        aria-hidden="true"
        data-left={at.x > 0.55 || undefined}
        data-up={at.y > 0.75 || undefined}
        style={{ "--x": `${100 * at.x}%`, "--y": `${100 * at.y}%` }}
      >
        <i />
        <span class="ke-tag">
          <b>{value}</b>
          <small>
            {where}
            {inMap && (
              <>
                <br />
                {inMap}
              </>
            )}
          </small>
        </span>
      </div>
      <span aria-live="polite" class="ke-hidden">
        {at.announce && [value, inMap, where].filter(Boolean).join(", ")}
      </span>
    </>
  );
}

function readable(value: number): string {
  return Number.isFinite(value) ? formatNumber(value) : String(value).replace("-", "−");
}
