import type { ReadonlySignal } from "@preact/signals";
import type { ImageCache } from "../../picture/imageCache.ts";
import type { Catalog } from "../../state/catalog.ts";
import type { Predictions } from "../../state/predictions.ts";

export interface StripProps {
  catalog: Catalog;
  count: number;
  nameOf(index: number): string;
  /** Of the classes. */
  labels: readonly string[];
  chosen: ReadonlySignal<number>;
  enabled: ReadonlySignal<boolean>;
  imageCache: ImageCache;
  /** What the model sees on them. */
  predictions: ReadonlySignal<Predictions>;
  /** The first map is here: there is time for predictions. */
  ready: ReadonlySignal<boolean>;
  /** The right classes are known. */
  targets: boolean;
  /** Its name, where there are several. */
  model: string | null;
  onPick(index: number): void;
  /** There is no such image. */
  onRefuse(why: string): void;
}
