import { type Signal, signal } from "@preact/signals";
import type { Bytes } from "../messages.ts";
import { view } from "./float16.ts";
import type { Photo } from "./picture.ts";

/** Size of a thumbnail in pixels: 56 px at a device pixel ratio of two. */
export const THUMBNAIL = 112;
const KEPT_THUMBNAILS = 400;
const KEPT_IMAGES = 24;
const BATCH = 24;

export type Decode = (bytes: Bytes) => Promise<ImageBitmap>;
type Request = (indices: number[], size: number) => void;

/** Decode without a URL, which a content security policy may forbid. */
export const decodeBitmap: Decode = (encoded) => {
  const { buffer, byteOffset, byteLength } = view(encoded);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return createImageBitmap(new Blob([bytes], { type: bytes[0] === 0xff ? "image/jpeg" : "image/png" }));
};

/** Least recently used cache of images of one size; `null` while an image loads. */
class LruCache<T> {
  readonly asked = new Set<number>();
  #kept = new Map<number, Signal<T | null>>();
  #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  /** Return the signal of an image, and mark it as used. */
  at(index: number): Signal<T | null> {
    const place = this.#kept.get(index) ?? signal(null);
    this.#kept.delete(index);
    this.#kept.set(index, place);
    return place;
  }

  put(index: number, image: T | null): void {
    this.asked.delete(index);
    if (image) this.at(index).value = image;
    for (const [old, place] of this.#kept) {
      if (this.#kept.size <= this.#room) break;
      this.#kept.delete(old);
      place.value = null;
    }
  }
}

/** Images that were loaded. Missing ones are requested, several at a time. */
export class ImageCache {
  #request: Request;
  #arrived: () => void;
  #decode: Decode;
  #images = new LruCache<Photo>(KEPT_IMAGES);
  #thumbnails = new LruCache<ImageBitmap>(KEPT_THUMBNAILS);
  #wanted: number[] = [];

  constructor(request: Request, arrived: () => void, decode: Decode) {
    this.#request = request;
    this.#arrived = arrived;
    this.#decode = decode;
  }

  /** Return the image at its full size, or null while it loads; then `arrived` is called. */
  image(index: number): Photo | null {
    const photo = this.#images.at(index).peek();
    if (!photo && !this.#images.asked.has(index)) {
      this.#images.asked.add(index);
      this.#request([index], 0);
    }
    return photo;
  }

  thumbnail(index: number): Signal<ImageBitmap | null> {
    return this.#thumbnails.at(index);
  }

  /** Request the thumbnails that scrolled into view. */
  want(indices: readonly number[]): void {
    const { asked } = this.#thumbnails;
    const missing = indices.filter((index) => !this.#thumbnails.at(index).peek() && !asked.has(index));
    if (missing.length === 0) return;
    for (const index of missing) asked.add(index);
    if (this.#wanted.length === 0) queueMicrotask(() => this.#askForWanted());
    this.#wanted.push(...missing);
  }

  /** `sizes` are heights and widths of the images themselves; an older kernel may not send them. */
  async keep(
    indices: readonly number[],
    size: number,
    images: readonly Bytes[],
    sizes: readonly (readonly [number, number] | undefined)[],
  ): Promise<void> {
    const bitmaps = await Promise.all(images.map((bytes) => this.#decode(bytes).catch(() => null)));
    indices.forEach((index, i) => {
      const bitmap = bitmaps[i] ?? null;
      const [height, width] = sizes[i] ?? [bitmap?.height ?? 0, bitmap?.width ?? 0];
      if (size === 0) this.#images.put(index, bitmap && { bitmap, size: { width, height } });
      else this.#thumbnails.put(index, bitmap);
    });
    if (size === 0) this.#arrived();
  }

  /** A failed image is requested again when it is picked again; a thumbnail stays blank. */
  failed(indices: readonly number[], size: number): void {
    if (size === 0) for (const index of indices) this.#images.asked.delete(index);
  }

  #askForWanted(): void {
    const wanted = this.#wanted.splice(0);
    while (wanted.length > 0) this.#request(wanted.splice(0, BATCH), THUMBNAIL);
  }
}
