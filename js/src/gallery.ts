import { type Signal, signal } from "@preact/signals";
import type { Bytes } from "./contract.ts";
import { view } from "./float16.ts";

/** Pixels: a thumbnail is 56 px wide, and screens have two to one. */
export const THUMBNAIL = 112;
const KEPT_THUMBNAILS = 400;
const KEPT_IMAGES = 24;
const BATCH = 24;

export type Decode = (png: Bytes) => Promise<ImageBitmap>;
type Request = (indices: number[], size: number) => void;

/** Without a URL, which a host's content policy may forbid. */
export const decodeBitmap: Decode = (png) => {
  const { buffer, byteOffset, byteLength } = view(png);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
};

/** Images of one size, the longest unused first; `null` is on its way. */
class Shelf {
  readonly asked = new Set<number>();
  #bitmaps = new Map<number, Signal<ImageBitmap | null>>();
  #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  /** The place of an image, which counts as used now. */
  at(index: number): Signal<ImageBitmap | null> {
    const place = this.#bitmaps.get(index) ?? signal(null);
    this.#bitmaps.delete(index);
    this.#bitmaps.set(index, place);
    return place;
  }

  put(index: number, bitmap: ImageBitmap | null): void {
    this.asked.delete(index);
    if (bitmap) this.at(index).value = bitmap;
    for (const [old, place] of this.#bitmaps) {
      if (this.#bitmaps.size <= this.#room) break;
      this.#bitmaps.delete(old);
      place.value = null;
    }
  }
}

/** The images that came so far. Those that are wanted and missing are asked for, several at a time. */
export class Gallery {
  #request: Request;
  #arrived: () => void;
  #decode: Decode;
  #images = new Shelf(KEPT_IMAGES);
  #thumbnails = new Shelf(KEPT_THUMBNAILS);
  #wanted: number[] = [];

  constructor(request: Request, arrived: () => void, decode: Decode) {
    this.#request = request;
    this.#arrived = arrived;
    this.#decode = decode;
  }

  /** The whole image, or null while it is on its way; when it is here, `arrived` is called. */
  image(index: number): ImageBitmap | null {
    const bitmap = this.#images.at(index).peek();
    if (!bitmap && !this.#images.asked.has(index)) {
      this.#images.asked.add(index);
      this.#request([index], 0);
    }
    return bitmap;
  }

  thumbnail(index: number): Signal<ImageBitmap | null> {
    return this.#thumbnails.at(index);
  }

  /** These came into view. */
  want(indices: readonly number[]): void {
    const { asked } = this.#thumbnails;
    const missing = indices.filter((index) => !this.#thumbnails.at(index).peek() && !asked.has(index));
    if (missing.length === 0) return;
    for (const index of missing) asked.add(index);
    if (this.#wanted.length === 0) queueMicrotask(() => this.#askForWanted());
    this.#wanted.push(...missing);
  }

  async keep(indices: readonly number[], size: number, pngs: readonly Bytes[]): Promise<void> {
    const shelf = size === 0 ? this.#images : this.#thumbnails;
    const bitmaps = await Promise.all(pngs.map((png) => this.#decode(png).catch(() => null)));
    indices.forEach((index, i) => {
      shelf.put(index, bitmaps[i] ?? null);
    });
    if (size === 0) this.#arrived();
  }

  /** An image that failed is asked for again when it is picked again; a thumbnail stays blank. */
  failed(indices: readonly number[], size: number): void {
    if (size === 0) for (const index of indices) this.#images.asked.delete(index);
  }

  #askForWanted(): void {
    const wanted = this.#wanted.splice(0);
    while (wanted.length > 0) this.#request(wanted.splice(0, BATCH), THUMBNAIL);
  }
}
