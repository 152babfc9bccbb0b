import { type View, WHOLE } from "../messages.ts";
import { fadingTable, lookupTable } from "./colormap.ts";
import { canvasSize, greyUnder, paint, type Size, shade, sizeOf } from "./overlay.ts";
import type { Picture } from "./picture.ts";

/** Pixels between two pictures. */
const GAP = 8;

export interface Shown {
  picture: Picture;
  colormap: string;
  signed: boolean;
}

export interface Settings {
  opacity: number;
  threshold: number;
  view: View;
}

/** Dims what the model does not see; as in `styles/stage.css`. */
const DIM = "rgb(0 0 0 / 35%)";

/** Compose the pictures side by side, each at its own resolution, as a PNG. */
export function compose(shown: readonly Shown[], settings: Settings): Promise<Blob> {
  const width = shown.reduce((sum, { picture }) => sum + picture.bitmap.width + GAP, -GAP);
  const height = Math.max(...shown.map(({ picture }) => picture.bitmap.height));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  let left = 0;
  for (const each of shown) {
    const { bitmap } = each.picture;
    const grey = settings.view === "overlay" && greyUnder(each.picture.result, each.signed, settings.opacity);
    context.filter = grey ? "grayscale(1)" : "none";
    if (settings.view !== "map") context.drawImage(bitmap, left, 0);
    context.filter = "none";
    const region = each.picture.result?.map.input_region ?? WHOLE;
    const part = sizeOf(region, bitmap);
    const [x, y] = [left + region[1] * bitmap.width, region[0] * bitmap.height];
    if (settings.view === "overlay") {
      context.fillStyle = DIM;
      context.beginPath();
      context.rect(left, 0, bitmap.width, bitmap.height);
      context.rect(x, y, part.width, part.height);
      context.fill("evenodd");
    }
    const map = settings.view === "image" ? null : draw(each, settings, canvasSize(part, 0));
    context.globalAlpha = settings.view === "map" ? 1 : settings.opacity;
    if (map) context.drawImage(map, x, y, part.width, part.height);
    context.globalAlpha = 1;
    left += bitmap.width + GAP;
  }
  return canvas.convertToBlob({ type: "image/png" });
}

function draw(
  { picture: { result }, colormap, signed }: Shown,
  settings: Settings,
  size: Size,
): OffscreenCanvas | null {
  const { width, height } = size;
  const shaded = result && shade(result.values, result.map, { width, height });
  if (!shaded) return null;
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  const table = settings.view === "map" ? lookupTable(colormap) : fadingTable(colormap, signed);
  paint(shaded, table, settings.threshold, signed, pixels.data);
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/** Download a file in the browser. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
