import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { greyUnder } from "../../picture/overlay.ts";
import type { Picture } from "../../picture/picture.ts";
import { describe } from "../../state/captions.ts";
import { moveByKey } from "../../state/cursor.ts";
import type { Pane } from "../../state/pane.ts";
import type { Store } from "../../state/store.ts";
import type { ViewState } from "../../state/viewState.ts";
import { useOwnId } from "../hooks/useOwnId.ts";
import { ImageCanvas, MapCanvas } from "./Canvas.tsx";
import { LastMap } from "./Caption.tsx";
import { Crosshair } from "./Crosshair.tsx";

interface Props {
  store: Store;
  view: ViewState;
  pane: Pane;
  /** From 1. */
  number: number;
  picture: ReadonlySignal<Picture | null>;
  late: ReadonlySignal<boolean>;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
}

/** The picture under its map, with everything that is drawn over them. */
export function PictureBox(props: Props) {
  const { store, view, pane, picture, late } = props;
  const frame = useRef<HTMLDivElement>(null);
  const screen = useScreenSize(frame);
  const bitmap = picture.value?.bitmap;
  return (
    <div
      ref={frame}
      class="ke-frame"
      data-late={late.value || undefined}
      style={{ "--ratio": bitmap ? bitmap.width / bitmap.height : 1 }}
      onPointerMove={(event) => point(event, view)}
      onPointerLeave={() => {
        view.cursor.value = null;
      }}
    >
      <Explanation {...props} screen={screen} />
      <Crosshair cursor={view.cursor} picture={picture} />
      <Hairline store={store} pane={pane} late={late} />
      <LastMap store={store} pane={pane} />
    </div>
  );
}

function Explanation(props: Props & { screen: ReadonlySignal<number> }) {
  const { store, view, number, picture, colormap, signed, screen } = props;
  const { display } = store;
  const id = useOwnId();
  const result = picture.value?.result ?? null;
  return (
    <div
      class="ke-picture"
      role="img"
      aria-label={number === 1 ? "Explanation" : `Explanation ${number}`}
      aria-describedby={id}
      data-view={display.view.value}
      data-grey={greyUnder(result, signed.value, display.opacity.value) || undefined}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrows read the map's values
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={(event) => onKey(event, picture.peek(), view)}
      onBlur={() => {
        view.cursor.value = null;
      }}
    >
      <ImageCanvas picture={picture} />
      <MapCanvas {...{ picture, colormap, signed, screen, display }} />
      {result?.empty_reason && <div class="ke-empty-reason">{result.empty_reason}</div>}
      <span id={id} class="ke-hidden">
        {describe(picture.value, store.catalog)}
      </span>
    </div>
  );
}

/** Progress on the picture's edge; indeterminate where the total is unknown. */
function Hairline({ store, pane, late }: Pick<Props, "store" | "pane" | "late">) {
  const written = store.active.value === pane ? store.exportProgress.value : null;
  const work = pane.working.value ?? written;
  if (!work && !late.value) return null;
  const total = work?.total || undefined;
  return <progress class="ke-hairline" aria-label="Progress" max={total} value={total && work?.done} />;
}

function point(event: PointerEvent, view: ViewState): void {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  view.cursor.value = { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1), announce: false };
}

/** The arrows move the cursor by a cell of the map, Escape hides it. */
function onKey(event: KeyboardEvent, picture: Picture | null, view: ViewState): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const from = view.cursor.peek();
  const result = picture?.result;
  const to = result ? moveByKey(event.key, from, result.map, result.values) : null;
  if (to) view.cursor.value = { ...to, announce: true };
  else if (event.key === "Escape" && from) view.cursor.value = null;
  else return;
  used(event);
}

/** Screen pixels of the longer side of a box, kept up to date. */
function useScreenSize(box: RefObject<HTMLElement | null>) {
  const size = useSignal(0);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => {
      size.value = Math.ceil(Math.max(contentRect.width, contentRect.height) * devicePixelRatio);
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return size;
}
