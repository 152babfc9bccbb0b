import { expect, test } from "vitest";
import { findBlocks, type Item } from "../../src/graph/blocks.ts";
import type { Edge } from "../../src/graph/lanes.ts";

/** Residual blocks of three layers each, after an input. */
function residual(blocks: number, name: (block: number, part: string) => string, automatic = false) {
  const items: Item[] = [{ name: "input", type: "InputLayer", shape: [null, 8, 8, 3], automatic: true }];
  const edges: Edge[] = [];
  for (let block = 1; block <= blocks; block++) {
    const start = items.length - 1;
    for (const [part, type] of [
      ["conv", "Conv2D"],
      ["norm", "BatchNormalization"],
      ["add", "Add"],
    ])
      items.push({ name: name(block, part), type, shape: [null, 8, 8, 4], automatic });
    edges.push([start, start + 1], [start + 1, start + 2], [start + 2, start + 3], [start, start + 3]);
  }
  return { items, edges };
}

test("a list of at most 24 layers has no blocks", () => {
  const { items, edges } = residual(7, (block, part) => `b${block}_${part}`);
  expect(items).toHaveLength(22);
  expect(findBlocks(items, edges)).toEqual([]);
});

test("blocks lie between rows that every path goes through, and are called by their common prefix", () => {
  const { items, edges } = residual(8, (block, part) => `b${block}_${part}`);
  const found = findBlocks(items, edges);
  expect(found.map(({ first, last, name }) => [first, last, name])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map((block) => [3 * block - 2, 3 * block, `b${block}`]),
  );
  expect(found[0]).toMatchObject({ prefix: "b1", blocks: [] });
});

test("without a common prefix a block is called by its last layer", () => {
  const { items, edges } = residual(8, (block, part) => `${part}_${block}`, true);
  expect(findBlocks(items, edges)[2]).toMatchObject({ first: 7, last: 9, name: "add_3 …", prefix: "" });
});

test("a plain chain has no blocks", () => {
  const { items } = residual(8, (_, part) => part);
  expect(
    findBlocks(
      items,
      items.slice(1).map((_, i): Edge => [i, i + 1]),
    ),
  ).toEqual([]);
});
