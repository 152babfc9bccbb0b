import { type Signal, signal } from "@preact/signals";
import type { Traits, View } from "../messages.ts";
import { DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT } from "../picture/colormap.ts";

type Save = (changed: Partial<Traits>, dragging?: boolean) => void;

/** Display settings, the same in all panes, and the open panel. */
export class Display {
  readonly opacity: Signal<number>;
  readonly threshold: Signal<number>;
  readonly view: Signal<View>;
  /** Name of the open panel; empty for none. */
  readonly panel: Signal<string>;
  #save: Save;
  /** One colormap for maps without negative values, one for signed maps. */
  #colormaps = signal({ sequential: SEQUENTIAL_DEFAULT, diverging: DIVERGING_DEFAULT });

  constructor(traits: Traits, signed: boolean, save: Save) {
    this.#save = save;
    this.opacity = signal(traits.opacity);
    this.threshold = signal(traits.threshold);
    this.view = signal(traits.view ?? "overlay");
    this.panel = signal(traits.panel ?? "");
    // The sequential default was not chosen for a signed map, which needs two hues.
    if (traits.colormap !== SEQUENTIAL_DEFAULT) this.keepColormap(traits.colormap, signed);
  }

  /** Return the colormap chosen last for maps of that kind. */
  colormap(signed: boolean): string {
    const { sequential, diverging } = this.#colormaps.value;
    return signed ? diverging : sequential;
  }

  settings(signed: boolean) {
    const { opacity, threshold, view } = this;
    return {
      opacity: opacity.peek(),
      threshold: threshold.peek(),
      view: view.peek(),
      colormap: this.colormap(signed),
    };
  }

  keepColormap(name: string, signed: boolean): void {
    this.#colormaps.value = { ...this.#colormaps.peek(), [signed ? "diverging" : "sequential"]: name };
  }

  setOpacity(opacity: number, dragging = false): void {
    this.opacity.value = opacity;
    this.#save({ opacity }, dragging);
  }

  setThreshold(threshold: number, dragging = false): void {
    this.threshold.value = threshold;
    this.#save({ threshold }, dragging);
  }

  setView(view: View): void {
    this.view.value = view;
    this.#save({ view });
  }

  setPanel(panel: string): void {
    this.panel.value = panel;
    this.#save({ panel });
  }

  /** Adopt what Python set. A sequential colormap left from before does not apply to a signed map. */
  take({ opacity, threshold, view, colormap, panel }: Partial<Traits>, signed: boolean): void {
    if (opacity !== undefined) this.opacity.value = opacity;
    if (threshold !== undefined) this.threshold.value = threshold;
    if (view !== undefined) this.view.value = view;
    if (panel !== undefined) this.panel.value = panel;
    const leftOver = signed && colormap === this.#colormaps.peek().sequential;
    if (colormap !== undefined && !leftOver) this.keepColormap(colormap, signed);
  }
}
