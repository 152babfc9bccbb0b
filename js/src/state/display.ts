import { type Signal, signal } from "@preact/signals";
import type { Traits, View } from "../messages.ts";
import { DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT } from "../picture/colormap.ts";

/** How maps are shown, in all panes alike. */
export class Look {
  readonly opacity: Signal<number>;
  readonly threshold: Signal<number>;
  readonly view: Signal<View>;
  /** One colormap for maps with one sign, one for those with both. */
  #colormaps = signal({ sequential: SEQUENTIAL_DEFAULT, diverging: DIVERGING_DEFAULT });

  constructor(traits: Traits, signed: boolean) {
    this.opacity = signal(traits.opacity);
    this.threshold = signal(traits.threshold);
    this.view = signal(traits.view ?? "overlay");
    // A signed map wants two hues: the default for other maps was not chosen for it.
    if (traits.colormap !== SEQUENTIAL_DEFAULT) this.keepColormap(traits.colormap, signed);
  }

  /** The colormap chosen last for maps of that kind. */
  colormap(signed: boolean): string {
    const { sequential, diverging } = this.#colormaps.value;
    return signed ? diverging : sequential;
  }

  keepColormap(name: string, signed: boolean): void {
    this.#colormaps.value = { ...this.#colormaps.peek(), [signed ? "diverging" : "sequential"]: name };
  }

  /** Python chose. A colormap left over from maps of one sign says nothing about those with both. */
  take({ opacity, threshold, view, colormap }: Partial<Traits>, signed: boolean): void {
    if (opacity !== undefined) this.opacity.value = opacity;
    if (threshold !== undefined) this.threshold.value = threshold;
    if (view !== undefined) this.view.value = view;
    const leftOver = signed && colormap === this.#colormaps.peek().sequential;
    if (colormap !== undefined && !leftOver) this.keepColormap(colormap, signed);
  }
}
