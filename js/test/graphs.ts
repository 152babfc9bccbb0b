import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Edge } from "../src/graph/lanes.ts";
import type { LayerNode } from "../src/messages.ts";

export const GRAPHS = [
  "MobileNetV2",
  "ResNet50V2",
  "InceptionV3",
  "DenseNet121",
  "NASNetLarge",
  "siamese",
  "multi_output",
] as const;

/** The rows that Python wrote; `python -m tests.widget.architectures` makes them anew. */
export function readGraph(name: (typeof GRAPHS)[number]): LayerNode[] {
  const packed = readFileSync(new URL(`fixtures/graphs/${name}.json.gz`, import.meta.url));
  return JSON.parse(gunzipSync(packed).toString()).nodes;
}

/** A random graph in running order: every row but the first is fed by up to three earlier ones. */
export function randomEdges(rows: number, seed: number): Edge[] {
  const next = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  const edges = new Map<string, Edge>();
  for (let to = 1; to < rows; to++) {
    for (let n = 0; n < 1 + Math.floor(3 * next()); n++) {
      const from = Math.floor(to * (n ? next() : Math.sqrt(next())));
      edges.set(`${from} ${to}`, [from, to]);
    }
  }
  return [...edges.values()];
}
