import { type ReadonlySignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";

/** A whole image, scaled to fit a square. */
export function Thumbnail({ bitmap, size }: { bitmap: ReadonlySignal<ImageBitmap | null>; size: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const own = canvas.current;
    const context = own?.getContext("2d");
    const image = bitmap.value;
    if (!own || !context) return;
    const scale = image ? size / Math.max(image.width, image.height) : 1;
    own.width = Math.max(1, Math.round(scale * (image?.width ?? size)));
    own.height = Math.max(1, Math.round(scale * (image?.height ?? size)));
    if (!image) return;
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, own.width, own.height);
  });
  return <canvas ref={canvas} />;
}
