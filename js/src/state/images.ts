import { signal } from "@preact/signals";
import type { Features } from "../kernel/features.ts";
import type { Bytes, FeatureContent, Problem } from "../messages.ts";
import { type Decode, ImageCache } from "../picture/imageCache.ts";
import { type Filter, Predictions, type PredictionsContent } from "./predictions.ts";

/** As `ke_widgets/widget/features/images.py` reads it. */
type ImagesRequest = { indices: number[]; size: number };
type ImagesContent = FeatureContent & ImagesRequest & { sizes: [number, number][] };

/** As `ke_widgets/widget/features/predictions.py` reads it. */
type PredictionsRequest = { indices: number[]; model_index: number };

interface Page {
  features: Pick<Features, "serve">;
  /** An image can be shown. */
  loaded(): void;
  /** An image cannot be loaded. */
  lost(indices: readonly number[], problem: Problem): void;
  /** Predictions failed. */
  problem(problem: Problem): void;
  decode: Decode;
}

/** The images, thumbnails and predictions of a widget, requested when they are needed. */
export class Images {
  readonly cache: ImageCache;
  /** One for each model; they share the filter. */
  readonly predictions: readonly Predictions[];
  #page: Page;

  constructor(images: number, models: number, page: Page) {
    this.#page = page;
    const ask = page.features.serve<ImagesRequest>("images", {
      answered: (content, buffers) => this.#keep(content as ImagesContent, buffers),
      failed: (problem, request) => this.#failed(problem, request),
    });
    this.cache = new ImageCache((indices, size) => ask({ indices, size }), page.loaded, page.decode);
    const predict = page.features.serve<PredictionsRequest>("predictions", {
      answered: (content) => this.#predicted(content as PredictionsContent),
      failed: (problem, { indices, model_index }) => {
        this.predictions[model_index]?.failed(indices);
        page.problem(problem);
      },
    });
    const filter = signal<Filter>("all");
    this.predictions = Array.from(
      { length: models },
      (_, model_index) => new Predictions(images, filter, (indices) => predict({ indices, model_index })),
    );
  }

  #keep({ indices, size, sizes }: ImagesContent, images: Bytes[]): void {
    void this.cache.keep(indices, size, images, sizes);
  }

  #predicted(content: PredictionsContent): void {
    this.predictions[content.model_index]?.keep(content);
  }

  #failed(problem: Problem, { indices, size }: ImagesRequest): void {
    this.cache.failed(indices, size);
    if (size === 0) this.#page.lost(indices, problem);
  }
}
