import { signal } from "@preact/signals";
import { choiceKey } from "../kernel/choice.ts";
import type { Choice, Method, ModelSetup, Setup } from "../messages.ts";
import { rank } from "./classOrder.ts";

/** What the kernel said about models and methods, asked as the page needs it. */
export class Catalog {
  readonly setup: Setup;
  readonly models: readonly ModelSetup[];
  #spatial: Set<string>[];
  #generations = signal<readonly number[]>([]);

  constructor(setup: Setup) {
    this.setup = setup;
    this.models = setup.models;
    this.#spatial = this.models.map(({ nodes }) => new Set(nodes.filter((n) => n.spatial).map(({ path }) => path)));
  }

  modelOf({ model }: Choice): ModelSetup {
    return this.models[model] ?? this.models[0];
  }

  methodOf(choice: Choice): Method | undefined {
    return this.setup.methods.find(({ name }) => name === choice.method);
  }

  /** Whether the map has both signs: by its method, or as the difference of two classes. */
  signed(choice: Choice): boolean {
    return choice.contrast_index !== null || (this.methodOf(choice)?.signed ?? false);
  }

  /** What a number of the map is, if its scale means something. */
  unit(choice: Choice): string {
    return this.methodOf(choice)?.unit ?? "";
  }

  /** The number that an image has in Python. */
  imageNumber(index: number): number {
    return this.setup.image_numbers?.[index] ?? index;
  }

  /** The place of the image that has that number; -1 if there is none here. */
  imageAt(number: number): number {
    const { images, image_numbers: numbers } = this.setup;
    return numbers ? numbers.indexOf(number) : number >= 0 && number < images ? number : -1;
  }

  /** Whether it is of the weights that its model has now, as far as the page knows. */
  fresh({ choice, generation }: { choice: Choice; generation: number }): boolean {
    return generation >= (this.#generations.value[choice.model] ?? 0);
  }

  /** The kernel told how often a model's weights have changed. */
  learn(model: number, generation: number): void {
    const generations = [...this.#generations.peek()];
    if (generation <= (generations[model] ?? 0)) return;
    generations[model] = generation;
    this.#generations.value = generations;
  }

  label(index: number): string {
    return this.setup.labels[index] ?? `class ${index}`;
  }

  /** Return the class indices by score; a file without a kernel lists only the classes that it has maps of. */
  classOrder(scores: Float32Array | null): number[] {
    const { labels, file } = this.setup;
    const all = rank(labels.length, scores);
    return file ? all.filter((index) => file.classes.includes(index)) : all;
  }

  /** The class in words, with the one it is compared with. */
  classes({ class_index, contrast_index }: Choice): string {
    const own = this.label(class_index);
    return contrast_index === null ? own : `${own} rather than ${this.label(contrast_index)}`;
  }

  /** What the map depends on, for comparing; `anyLayer` leaves the layer out. */
  key(choice: Choice, anyLayer = false): string {
    return choiceKey(choice, this.setup.methods, anyLayer);
  }

  /** The choice with a layer that its model has. */
  fit(choice: Choice): Choice {
    if (this.models.length === 1 || this.#spatial[choice.model]?.has(choice.layer)) return choice;
    return { ...choice, layer: this.modelOf(choice).default_layer };
  }

  /** The layers that Depth moves through, from first to last. */
  depth(choice: Choice): readonly string[] {
    const { layers } = this.modelOf(choice).scan;
    return layers.length > 0 ? layers : [...(this.#spatial[choice.model] ?? [])];
  }

  /** Why all layers at once are not offered for this; null where they are. */
  whyNotAllLayers(choice: Choice): string | null {
    const { offered, reason } = this.modelOf(choice).scan;
    if (!offered) return reason ?? "Each layer is computed when you come to it.";
    if (this.setup.scan_methods.includes(choice.method)) return null;
    const title = this.methodOf(choice)?.title ?? choice.method;
    if (this.methodOf(choice)?.layer === false)
      return `${title} explains the input: its map is the same at every depth.`;
    return `${title} computes each layer when you come to it.`;
  }
}
