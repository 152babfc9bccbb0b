import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { lookupTable } from "../colormap.ts";
import type { View } from "../contract.ts";
import { canvasSize, paint, type Size, shade } from "../overlay.ts";
import type { Picture } from "../pane.ts";
import { usePainting } from "./usePainting.ts";

/** The image as it is. */
export function ImageCanvas({ picture }: { picture: ReadonlySignal<Picture | null> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const bitmap = useComputed(() => picture.value?.bitmap ?? null);
  usePainting(() => {
    const context = emptied(canvas.current, bitmap.value);
    if (bitmap.value) context?.drawImage(bitmap.value, 0, 0);
  });
  return <canvas ref={canvas} class="ke-image" />;
}

interface MapProps {
  picture: ReadonlySignal<Picture | null>;
  colormap: ReadonlySignal<string>;
  signed: ReadonlySignal<boolean>;
  threshold: ReadonlySignal<number>;
  opacity: ReadonlySignal<number>;
  view: ReadonlySignal<View>;
  /** Pixels that the longer side has on the screen. */
  screen: ReadonlySignal<number>;
}

/** The map over it. The opacity is the browser's to blend, so that dragging it repaints nothing. */
export function MapCanvas({ picture, colormap, signed, threshold, opacity, view, screen }: MapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shaded = useComputed(() => {
    const { bitmap, result } = picture.value ?? {};
    return bitmap && result ? shade(result.values, result.map, canvasSize(bitmap, screen.value)) : null;
  });
  usePainting(() => {
    const map = shaded.value;
    const context = emptied(canvas.current, map);
    if (!map || !context) return;
    const pixels = context.createImageData(map.width, map.height);
    paint(map, lookupTable(colormap.value), threshold.value, signed.value, pixels.data);
    context.putImageData(pixels, 0, 0);
  });
  return <canvas ref={canvas} class="ke-map" style={{ opacity: view.value === "overlay" ? opacity.value : 1 }} />;
}

/** An empty canvas of that size. */
function emptied(canvas: HTMLCanvasElement | null, size: Size | null): CanvasRenderingContext2D | null {
  if (!canvas) return null;
  canvas.width = size?.width ?? 1;
  canvas.height = size?.height ?? 1;
  return canvas.getContext("2d");
}
