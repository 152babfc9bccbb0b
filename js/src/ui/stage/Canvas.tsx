import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { WHOLE } from "../../messages.ts";
import { fadingTable, lookupTable } from "../../picture/colormap.ts";
import { canvasSize, paint, type Size, shade, sizeOf } from "../../picture/overlay.ts";
import type { Picture } from "../../picture/picture.ts";
import type { Display } from "../../state/display.ts";
import { useSyncEffect } from "../hooks/useSyncEffect.ts";

/** The image. */
export function ImageCanvas({ picture }: { picture: ReadonlySignal<Picture | null> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const bitmap = useComputed(() => picture.value?.bitmap ?? null);
  useSyncEffect(() => {
    const context = sized(canvas.current, bitmap.value);
    context?.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (bitmap.value) context?.drawImage(bitmap.value, 0, 0);
  });
  return <canvas ref={canvas} class="ke-image" />;
}

interface MapProps {
  picture: ReadonlySignal<Picture | null>;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
  display: Display;
  /** Screen pixels of the longer side. */
  screen: ReadonlySignal<number>;
}

/** The map over the image. The browser blends the opacity, so that dragging its slider repaints nothing. */
export function MapCanvas({ picture, colormap, signed, display, screen }: MapProps) {
  const { threshold, opacity, view } = display;
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = useRef<ImageData | null>(null);
  const shaded = useComputed(() => {
    const { bitmap, result } = picture.value ?? {};
    if (!bitmap || !result) return null;
    const part = sizeOf(result.map.input_region ?? WHOLE, bitmap);
    const share = Math.max(part.width, part.height) / Math.max(bitmap.width, bitmap.height);
    return shade(result.values, result.map, canvasSize(part, share * screen.value));
  });
  useSyncEffect(() => {
    const map = shaded.value;
    const context = sized(canvas.current, map);
    if (!map) context?.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (!map || !context) return;
    const { width, height } = map;
    const own = pixels.current;
    // Reused from map to map: each is a megabyte to clear, and to collect.
    const all = own?.width === width && own.height === height ? own : context.createImageData(width, height);
    pixels.current = all;
    const table = view.value === "map" ? lookupTable(colormap.value) : fadingTable(colormap.value, signed.value);
    paint(map, table, threshold.value, signed.value, all.data);
    context.putImageData(all, 0, 0);
  });
  const [top, left, bottom, right] = picture.value?.result?.map.input_region ?? WHOLE;
  const percent = (share: number) => `${100 * share}%`;
  const box = { top: percent(top), left: percent(left), width: percent(right - left), height: percent(bottom - top) };
  return (
    <>
      {bottom - top + right - left < 2 && <i class="ke-input-region" style={box} />}
      <canvas ref={canvas} class="ke-map" style={{ ...box, opacity: view.value === "overlay" ? opacity.value : 1 }} />
    </>
  );
}

/** Resize the canvas if needed: setting a size, even the same one, clears it. */
function sized(canvas: HTMLCanvasElement | null, size: Size | null): CanvasRenderingContext2D | null {
  if (!canvas) return null;
  if (size && (canvas.width !== size.width || canvas.height !== size.height)) {
    canvas.width = size.width;
    canvas.height = size.height;
  }
  return canvas.getContext("2d");
}
