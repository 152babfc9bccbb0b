import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Picture, Store } from "../store.ts";
import { ImageCanvas, MapCanvas } from "./Canvas.tsx";
import { Legend } from "./Legend.tsx";
import { Slider } from "./Slider.tsx";

/** The picture, what its colours mean, and how it is shown. */
export function Stage({ store }: { store: Store }) {
  const { picture, opacity, threshold } = store;
  const result = useComputed(() => picture.value?.result ?? null);
  const shownChoice = useComputed(() => result.value?.choice ?? store.choice.value);
  const colormap = useComputed(() => store.colormapOf(shownChoice.value));
  const signed = useComputed(() => store.methodOf(shownChoice.value)?.signed ?? false);
  return (
    <div class="ke-stage">
      <PictureBox store={store} colormap={colormap} signed={signed} />
      <Legend result={result.value} colormap={colormap.value} signed={signed.value} threshold={threshold} />
      <div class="ke-sliders">
        <Slider name="Opacity" value={opacity} onChange={(...change) => store.setOpacity(...change)} />
        <Slider name="Threshold" value={threshold} onChange={(...change) => store.setThreshold(...change)} />
      </div>
    </div>
  );
}

type Computed<T> = ReturnType<typeof useComputed<T>>;

function PictureBox({
  store,
  colormap,
  signed,
}: {
  store: Store;
  colormap: Computed<string>;
  signed: Computed<boolean>;
}) {
  const { picture, opacity, threshold } = store;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const screen = useScreenSize(box);
  const bitmap = picture.value?.bitmap;
  const note = picture.value?.result?.note;
  return (
    <div
      ref={box}
      class="ke-picture"
      role="img"
      aria-label="Explanation"
      aria-describedby={id}
      style={{ "--ratio": bitmap ? bitmap.width / bitmap.height : 1 }}
    >
      <ImageCanvas picture={picture} />
      <MapCanvas {...{ picture, colormap, signed, threshold, opacity, screen }} />
      {note && <div class="ke-note">{note}</div>}
      <span id={id} class="ke-hidden">
        {describe(picture.value, store)}
      </span>
    </div>
  );
}

/** The picture in words: image, method, class, layer. */
function describe(picture: Picture | null, store: Store): string {
  if (!picture) return "Nothing yet.";
  const image = store.setup.image_labels?.[picture.index];
  const where = `Image ${picture.index}${image ? ` (${image})` : ""}`;
  if (!picture.result) return `${where}, no map yet.`;
  const { choice, note } = picture.result;
  const method = store.methodOf(choice);
  const label = store.setup.labels[choice.class_index] ?? `${choice.class_index}`;
  const layer = method?.layer === false ? "" : ` at layer ${choice.layer}`;
  return `${where}: ${method?.title ?? choice.method} of class ${label}${layer}.${note ? ` ${note}` : ""}`;
}

/** Screen pixels of the longer side of a box, kept up to date. */
function useScreenSize(box: { readonly current: HTMLElement | null }) {
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
