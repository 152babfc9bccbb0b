import type { ReadonlySignal } from "@preact/signals";
import type { ImageCache } from "../../picture/imageCache.ts";
import type { Catalog } from "../../state/catalog.ts";
import type { Predictions } from "../../state/predictions.ts";

export interface StripProps {
  catalog: Catalog;
  count: number;
  nameOf(index: number): string;
  /** Labels of the classes. */
  labels: readonly string[];
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  imageCache: ImageCache;
  /** Predictions of the images. */
  predictions: ReadonlySignal<Predictions>;
  /** The first map is shown: there is time for predictions. */
  ready: ReadonlySignal<boolean>;
  /** The true classes are known. */
  targets: boolean;
  /** Its name, where there are several models. */
  model: string | null;
  onPick(index: number): void;
  /** There is no such image. */
  onRefuse(why: string): void;
}
