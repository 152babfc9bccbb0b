import { type ReadonlySignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";

/** A picture cut to a square. */
export function Thumbnail({ bitmap, size }: { bitmap: ReadonlySignal<ImageBitmap | null>; size: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const context = canvas.current?.getContext("2d");
    const image = bitmap.value;
    if (!context) return;
    context.clearRect(0, 0, size, size);
    if (!image) return;
    const side = Math.min(image.width, image.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, size, size);
  });
  return <canvas ref={canvas} width={size} height={size} />;
}
