import { expect, test } from "vitest";
import { edgesOf } from "../../src/graph/edges.ts";
import { outline } from "../../src/graph/outline.ts";
import { initiallyFolded, search, visibleRows } from "../../src/graph/tree.ts";
import type { LayerNode } from "../../src/messages.ts";
import { GRAPHS, readGraph } from "../graphs.ts";
import { node } from "../model.ts";

const tops = (nodes: readonly LayerNode[]) => outline(nodes).filter(({ parent }) => parent < 0);
const folds = (name: (typeof GRAPHS)[number]) => tops(readGraph(name)).filter(({ block }) => block);

/** A residual network of two-layer blocks, with the names that `named` gives. */
function residual(blocks: number, named: (block: number, part: string) => string): LayerNode[] {
  const nodes = [node("input", -1, false, "InputLayer")];
  for (let block = 1; block <= blocks; block++) {
    const start = nodes.length - 1;
    nodes.push({ ...node(named(block, "conv")), inputs: [start] });
    nodes.push({ ...node(named(block, "norm"), -1, true, "BatchNormalization"), inputs: [start + 1] });
    nodes.push({ ...node(named(block, "add"), -1, true, "Add"), inputs: [start, start + 2] });
    nodes.push({ ...node(named(block, "relu"), -1, true, "Activation"), inputs: [start + 3] });
  }
  return nodes;
}

test("a short model is shown as it is", () => {
  const nodes = residual(4, (block, part) => `b${block}_${part}`);
  expect(outline(nodes).map(({ path }) => path)).toEqual(nodes.map(({ path }) => path));
});

test("blocks are found by structure where names tell nothing, with the activation of their sum", () => {
  const automatic = { conv: "conv2d", norm: "batch_normalization", add: "add", relu: "activation" };
  const nodes = residual(8, (block, part) => `${automatic[part as keyof typeof automatic]}_${block}`);
  expect(tops(nodes).map(({ name, layers }) => `${name} ${layers}`)).toEqual([
    "input 0",
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((block) => `add_${block} … 4`),
  ]);
});

test("a block takes in the rows of its name, is called by it, and its rows leave it out", () => {
  const nodes = outline(residual(8, (block, part) => `conv2_block${block}_${part}`));
  const [, block, ...inside] = nodes.slice(0, 6);
  expect([block.name, block.label, block.layers, block.end]).toEqual(["conv2_block1", "conv2_block1", 4, 6]);
  expect(inside.map(({ label }) => label)).toEqual(["conv", "norm", "add", "relu"]);
  expect(inside.map(({ path }) => path)).toContain("conv2_block1_add");
});

test("a block is no layer: it cannot be explained, has no edges, and is never found", () => {
  const nodes = outline(residual(8, (block, part) => `b${block}_${part}`));
  const blocks = nodes.filter(({ block }) => block);
  expect(blocks).toHaveLength(8);
  expect(blocks.every(({ spatial, inputs }) => !spatial && inputs.length === 0)).toBe(true);
  expect(search(nodes, "b3").map((index) => nodes[index].name)).toEqual(["b3_conv", "b3_norm", "b3_add", "b3_relu"]);
});

test("the description of a layer stays with its row", () => {
  const told = { ...node("a"), absent: true, params: 7, shape: null };
  expect(outline([told])).toEqual([{ ...told, label: "a", block: false, layers: 0, end: 1 }]);
});

test("a chain folds by its names", () => {
  const nodes = Array.from({ length: 30 }, (_, row) => {
    const inputs = row ? [row - 1] : [];
    return { ...node(`block${Math.floor(row / 5) + 1}_part${row % 5}`), inputs };
  });
  expect(tops(nodes).map(({ label, layers }) => `${label} ${layers}`)).toEqual(
    [1, 2, 3, 4, 5, 6].map((block) => `block${block} 5`),
  );
});

test("what several outputs leave open, or two inputs bring, is no block", () => {
  const nodes = Array.from({ length: 30 }, (_, row) => ({ ...node(`x${row}y`), inputs: row > 1 ? [row - 2] : [] }));
  expect(outline(nodes)).toHaveLength(30);
});

test("what people call the blocks of known models", () => {
  expect(folds("ResNet50V2").map(({ name, layers }) => `${name} ${layers}`)).toEqual(
    [
      ["conv2", [12, 11, 12]],
      ["conv3", [12, 11, 11, 12]],
      ["conv4", [12, 11, 11, 11, 11, 12]],
      ["conv5", [12, 11, 11]],
    ].flatMap(([stage, counts]) => (counts as number[]).map((count, at) => `${stage}_block${at + 1} ${count}`)),
  );
  expect(folds("InceptionV3").map(({ name }) => name)).toEqual(Array.from({ length: 11 }, (_, at) => `mixed${at} …`));
  expect(folds("MobileNetV2").map(({ name }) => name)).toEqual(
    Array.from({ length: 16 }, (_, at) => `block_${at + 1}`),
  );
  expect(folds("DenseNet121").map(({ name, layers }) => `${name} ${layers}`)).toEqual([
    "conv1 3",
    "conv2 42",
    "pool2 4",
    "conv3 84",
    "pool3 4",
    "conv4 168",
    "pool4 4",
    "conv5 112",
  ]);
  const dense = outline(readGraph("DenseNet121"));
  const conv2 = dense.findIndex(({ name, block }) => block && name === "conv2");
  expect(dense.filter(({ parent }) => parent === conv2).map(({ label }) => label)).toEqual(
    [1, 2, 3, 4, 5, 6].map((block) => `block${block}`),
  );
  expect(
    folds("NASNetLarge")
      .slice(2, 5)
      .map(({ name, layers }) => `${name} ${layers}`),
  ).toEqual(["normal_concat_0 … 48", "normal_concat_1 … 45", "normal_concat_2 … 45"]);
  expect(folds("siamese")).toEqual([]);
});

test.each(GRAPHS)("%s: every layer is there once, in its order, with its own edges and nesting", (name) => {
  const nodes = readGraph(name);
  const rows = outline(nodes);
  const own = rows.filter(({ block }) => !block);
  expect(own.map(({ path }) => path)).toEqual(nodes.map(({ path }) => path));
  const edges = (all: readonly LayerNode[]) => edgesOf(all).map(([from, to]) => `${all[from].path}>${all[to].path}`);
  expect(edges(rows)).toEqual(edges(nodes));
  rows.forEach(({ parent, level, end }, index) => {
    expect(parent).toBeLessThan(index);
    expect(level).toBe(parent < 0 ? 0 : rows[parent].level + 1);
    const inside = rows.flatMap((row, other) => (row.parent === index ? [other] : []));
    expect(end).toBe(inside.length ? rows[inside.at(-1) as number].end : index + 1);
  });
});

test.each(GRAPHS)("%s: at most 80 rows are open at first, the chosen one among them", (name) => {
  const rows = outline(readGraph(name));
  for (const chosen of [0, Math.floor(rows.length / 2), rows.length - 1].filter((at) => !rows[at].block)) {
    const shown = visibleRows(rows, initiallyFolded(rows, chosen)).map(({ index }) => index);
    expect(shown).toContain(chosen);
    expect(shown.length).toBeLessThanOrEqual(80);
  }
});
