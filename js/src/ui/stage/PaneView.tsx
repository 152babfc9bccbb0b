import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { used } from "../../host/keys.ts";
import { greyUnder } from "../../picture/overlay.ts";
import type { Picture } from "../../picture/picture.ts";
import { describe } from "../../state/captions.ts";
import { ranged } from "../../state/colorRange.ts";
import { type Cursor, moveByKey } from "../../state/cursor.ts";
import type { Pane } from "../../state/pane.ts";
import type { Store } from "../../state/store.ts";
import type { ViewState } from "../../state/viewState.ts";
import type { Truncated } from "../../text/truncate.ts";
import { Slider } from "../controls/Slider.tsx";
import { useDelayedTrue } from "../hooks/useDelayedTrue.ts";
import { useOwnId } from "../hooks/useOwnId.ts";
import { ImageCanvas, MapCanvas } from "./Canvas.tsx";
import { Caption, LastMap } from "./Caption.tsx";
import { Crosshair } from "./Crosshair.tsx";
import { Legend } from "./Legend.tsx";

interface Props {
  store: Store;
  view: ViewState;
  pane: Pane;
  /** From 1. */
  number: number;
  /** What it shows that the others do not; null when it is the only one. */
  caption: Truncated | null;
}

/** One picture with its legend and, among several, its heading. */
export function PaneView(props: Props) {
  const { store, view, pane, number, caption } = props;
  const picture = useComputed(() => ranged(pane.picture.value, view.range()));
  const shown = useComputed(() => picture.value?.result?.choice ?? pane.choice.value);
  const colormap = useComputed(() => store.colormapOf(shown.value));
  const signed = useComputed(() => store.catalog.signed(shown.value));
  const late = useDelayedTrue(pane.late, 75); // So that what is waited for is said within 100 ms.
  const body = <PictureBox {...props} {...{ picture, late, colormap, signed }} />;
  const legend = <Legend store={store} result={picture.value?.result ?? null} {...{ colormap, signed, number }} />;
  if (caption === null)
    return (
      <div class="ke-pane">
        <Caption store={store} pane={pane} late={late} />
        {body}
        <div class="ke-sliders">
          {legend}
          <Opacity store={store} />
        </div>
      </div>
    );
  const activate = () => store.activate(pane);
  const active = store.active.value === pane;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    <div
      class="ke-pane"
      role="group"
      aria-label={`Pane ${number}: ${caption.join("")}`}
      aria-current={active || undefined}
      // Not as the button goes down: the parameters of another method would move what is clicked.
      onClickCapture={activate}
      onFocusCapture={(event) => (event.target as Element).matches(":focus-visible") && activate()}
    >
      <Caption
        store={store}
        pane={pane}
        late={late}
        heading={caption}
        before={<b class="ke-badge">{number}</b>}
        after={number > 1 && <Close number={number} onClose={() => store.closePane(pane)} />}
      />
      {body}
      {legend}
    </div>
  );
}

export function Opacity({ store }: { store: Store }) {
  return (
    <Slider
      name="Opacity"
      value={store.display.opacity}
      onChange={(...change) => store.display.setOpacity(...change)}
    />
  );
}

function Close({ number, onClose }: { number: number; onClose(): void }) {
  const name = `Close pane ${number}`;
  return (
    <button type="button" class="ke-icon" aria-label={name} title={`${name} (x)`} onClick={onClose}>
      <svg width="10" height="10" viewBox="0 0 10 10" fill="none" stroke="currentColor" aria-hidden="true">
        <path d="M1 1l8 8M9 1 1 9" />
      </svg>
    </button>
  );
}

interface BoxProps extends Props {
  picture: ReadonlySignal<Picture | null>;
  late: ReadonlySignal<boolean>;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
}

function PictureBox({ store, view, pane, number, picture, late, colormap, signed }: BoxProps) {
  const id = useOwnId();
  const frame = useRef<HTMLDivElement>(null);
  const screen = useScreenSize(frame);
  const bitmap = picture.value?.bitmap;
  const note = picture.value?.result?.note;
  const grey = greyUnder(picture.value?.result ?? null, signed.value, store.display.opacity.value);
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
      <div
        class="ke-picture"
        role="img"
        aria-label={number === 1 ? "Explanation" : `Explanation ${number}`}
        aria-describedby={id}
        data-view={store.display.view.value}
        data-grey={grey || undefined}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrows read the map's values
        tabIndex={0}
        data-lm-suppress-shortcuts="true"
        onKeyDown={(event) => onKey(event, picture.peek(), view)}
        onBlur={() => {
          view.cursor.value = null;
        }}
      >
        <ImageCanvas picture={picture} />
        <MapCanvas
          {...{ picture, colormap, signed, screen, threshold: store.display.threshold, opacity: store.display.opacity }}
          view={store.display.view}
        />
        {note && <div class="ke-note">{note}</div>}
        <span id={id} class="ke-hidden">
          {describe(picture.value, store.catalog)}
        </span>
      </div>
      <Crosshair cursor={view.cursor} picture={picture} />
      <Hairline store={store} pane={pane} late={late} />
      <LastMap store={store} pane={pane} />
    </div>
  );
}

/** How far the work is, on the picture's edge; where nobody knows, only that there is some. */
function Hairline({ store, pane, late }: Pick<BoxProps, "store" | "pane" | "late">) {
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

/** The arrows move the crosshair by a cell of the map, Escape hides it. */
function onKey(event: KeyboardEvent, picture: Picture | null, view: ViewState): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const from: Cursor | null = view.cursor.peek();
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
