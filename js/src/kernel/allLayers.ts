import type { Bytes, Choice, FeatureContent, MapContent, Result } from "../messages.ts";
import { concentration } from "../picture/depthBars.ts";
import { decodeFloat16, view } from "../picture/float16.ts";
import { emptyReason } from "../text/emptyReason.ts";

export interface AllLayersContent extends FeatureContent {
  serial: number;
  generation: number;
  choice: Choice;
  layers: string[];
  maps: MapContent[];
  milliseconds: number;
}

/** The maps of all layers for one choice, decoded on demand. */
export class AllLayers {
  readonly content: AllLayersContent;
  #bytes: DataView;
  #starts: number[] = [];
  #maps = new Map<number, Float32Array>();
  #concentrations: Float32Array | null = null;

  constructor(content: AllLayersContent, bytes: Bytes) {
    this.content = content;
    this.#bytes = view(bytes);
    let start = 0;
    for (const { height, width } of content.maps) {
      this.#starts.push(start);
      start += 2 * height * width;
    }
  }

  has(layer: string): boolean {
    return this.content.layers.includes(layer);
  }

  /** Return the layer's map as a result of its own. `base` is the newest result: its scores hold for all layers. */
  result(choice: Choice, base: Result): Result {
    const { serial, layers, maps, milliseconds } = this.content;
    const at = layers.indexOf(choice.layer);
    const map = maps[at];
    return {
      ...base,
      id: null,
      serial: Math.max(base.serial, serial),
      choice,
      map,
      values: this.values(at),
      milliseconds,
      empty_reason: emptyReason(map),
      done: 1,
      total: 1,
    };
  }

  values(at: number): Float32Array {
    const known = this.#maps.get(at);
    if (known) return known;
    const values = this.#decode(at);
    this.#maps.set(at, values);
    return values;
  }

  /** How concentrated each layer's map is, 0 to 1. */
  get concentrations(): Float32Array {
    this.#concentrations ??= Float32Array.from(this.content.maps, (_, at) => concentration(this.#decode(at)));
    return this.#concentrations;
  }

  #decode(at: number): Float32Array {
    const { height, width, scale } = this.content.maps[at];
    const { buffer, byteOffset } = this.#bytes;
    return decodeFloat16(new DataView(buffer, byteOffset + this.#starts[at], 2 * height * width), scale);
  }
}
