import type { Result } from "../messages.ts";
import type { Size } from "./overlay.ts";

/** A decoded image. Large images are sent with fewer pixels; `size` is that of the image itself. */
export interface Photo {
  bitmap: ImageBitmap;
  size: Size;
}

/** What a pane shows: an image, and its result once that arrived. */
export interface Picture extends Photo {
  index: number;
  result: Result | null;
}
