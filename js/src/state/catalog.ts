import { signal } from "@preact/signals";
import { choiceKey } from "../kernel/choice.ts";
import type { Choice, Method, ModelSetup, Setup } from "../messages.ts";
import { rank } from "./classOrder.ts";

/** Models, methods, classes and images as the kernel described them; read-only, but for the models' generations. */
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

  modelOf({ model_index }: Choice): ModelSetup {
    return this.models[model_index] ?? this.models[0];
  }

  methodOf(choice: Choice): Method | undefined {
    return this.setup.methods.find(({ name }) => name === choice.method);
  }

  /** Whether the map has negative values: by its method, or as a contrast of two classes. */
  signed(choice: Choice): boolean {
    return choice.contrast_index !== null || (this.methodOf(choice)?.signed ?? false);
  }

  /** Return the unit of the map's values; empty if their scale has no meaning. */
  unit(choice: Choice): string {
    return this.methodOf(choice)?.unit ?? "";
  }

  /** Return the index of an image in Python. */
  imageNumber(index: number): number {
    return this.setup.image_indices?.[index] ?? index;
  }

  /** Return the image with that index in Python; -1 if it is not here. */
  imageAt(number: number): number {
    const { images, image_indices: indices } = this.setup;
    return indices ? indices.indexOf(number) : number >= 0 && number < images ? number : -1;
  }

  /** Whether a result is of the model's current weights, as far as the page knows. */
  fresh({ choice, generation }: { choice: Choice; generation: number }): boolean {
    return generation >= (this.#generations.value[choice.model_index] ?? 0);
  }

  /** Note how many times a model's weights have changed. */
  setGeneration(model: number, generation: number): void {
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

  /** Return the class's label, with that of its contrast. */
  classes({ class_index, contrast_index }: Choice): string {
    const own = this.label(class_index);
    return contrast_index === null ? own : `${own} rather than ${this.label(contrast_index)}`;
  }

  /** Return a key of everything that the map depends on; `anyLayer` leaves the layer out. */
  key(choice: Choice, anyLayer = false): string {
    return choiceKey(choice, this.setup.methods, anyLayer);
  }

  /** Return the choice with a layer that its model has. */
  fit(choice: Choice): Choice {
    if (this.models.length === 1 || this.#spatial[choice.model_index]?.has(choice.layer)) return choice;
    return { ...choice, layer: this.modelOf(choice).default_layer };
  }

  /** Return the layers of the Depth slider, from first to last. */
  depth(choice: Choice): readonly string[] {
    const { layers } = this.modelOf(choice).all_layers;
    return layers.length > 0 ? layers : [...(this.#spatial[choice.model_index] ?? [])];
  }

  /** Return why all layers are not offered at once for this choice; null if they are. */
  whyNotAllLayers(choice: Choice): string | null {
    const { offered, reason } = this.modelOf(choice).all_layers;
    if (!offered) return reason ?? "Each layer is computed when you select it.";
    if (this.setup.all_layers_methods.includes(choice.method)) return null;
    const title = this.methodOf(choice)?.title ?? choice.method;
    if (this.methodOf(choice)?.uses_layer === false)
      return `${title} explains the input: its map is the same at every layer.`;
    return `${title} computes each layer when you select it.`;
  }
}
