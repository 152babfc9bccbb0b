import { signal } from "@preact/signals";
import type { Bytes, ImagesContent, PredictionsContent, SideRequest } from "../messages.ts";
import { type Decode, ImageCache } from "../picture/imageCache.ts";
import { type Filter, Predictions } from "./predictions.ts";

/** The images, thumbnails and predictions of a widget, requested when they are needed. */
export class Images {
  readonly cache: ImageCache;
  /** One for each model; they share the filter. */
  readonly predictions: readonly Predictions[];

  /** `loaded` is called when an image can be shown. */
  constructor(
    images: number,
    models: number,
    request: (request: SideRequest) => void,
    loaded: () => void,
    decode: Decode,
  ) {
    this.cache = new ImageCache((indices, size) => request({ kind: "images", indices, size }), loaded, decode);
    const filter = signal<Filter>("all");
    this.predictions = Array.from(
      { length: models },
      (_, model_index) =>
        new Predictions(images, filter, (indices) => request({ kind: "predictions", indices, model_index })),
    );
  }

  keep({ indices, size, sizes }: Pick<ImagesContent, "indices" | "size" | "sizes">, images: Bytes[]): void {
    void this.cache.keep(indices, size, images, sizes);
  }

  predicted(content: PredictionsContent): void {
    this.predictions[content.model_index]?.keep(content);
  }

  failed(request: SideRequest): void {
    if (request.kind === "predictions") this.predictions[request.model_index]?.failed(request.indices);
    else this.cache.failed(request.indices, request.size);
  }
}
