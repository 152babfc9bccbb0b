import { expect, test } from "vitest";
import { ancestors, initiallyFolded, nextByName, nextHit, search, visibleRows } from "../../src/graph/tree.ts";
import { node } from "../model.ts";

const NODES = [
  node("input", -1, false, "InputLayer"),
  node("backbone"),
  node("backbone/block1", 1),
  node("backbone/block1/conv1", 2),
  node("backbone/block1/conv2", 2),
  node("backbone/relu", 1, true, "ReLU"),
  node("logits", -1, false, "Dense"),
];
NODES[1].type = NODES[2].type = "Functional";

const names = (rows: { index: number }[]) => rows.map(({ index }) => NODES[index].name);

test("visibleRows gives every row with its place among its siblings when nothing is folded", () => {
  const rows = visibleRows(NODES, new Set());
  expect(names(rows)).toEqual(["input", "backbone", "block1", "conv1", "conv2", "relu", "logits"]);
  expect(rows.map(({ position, siblings }) => `${position}/${siblings}`)).toEqual([
    "1/3",
    "2/3",
    "1/2",
    "1/2",
    "2/2",
    "2/2",
    "3/3",
  ]);
  expect(rows.map(({ expandable }) => expandable)).toEqual([false, true, true, false, false, false, false]);
});

test("visibleRows hides all that is inside a folded model, however deep", () => {
  const rows = visibleRows(NODES, new Set([1]));
  expect(names(rows)).toEqual(["input", "backbone", "logits"]);
  expect(rows[1].expanded).toBe(false);
});

test("a query fits by path, by type, and by all of its words", () => {
  const found = (query: string) => search(NODES, query).map((index) => NODES[index].name);
  expect(found("CONV1")).toEqual(["conv1"]);
  expect(found("block1/conv1")).toEqual(["conv1"]);
  expect(found("dens")).toEqual(["logits"]);
  expect(found("relu")).toEqual(["relu"]);
  expect(found("conv2d")).toEqual(["conv1", "conv2"]);
  expect(found("backbone relu")).toEqual(["relu"]);
  expect(found("nothing such")).toEqual([]);
  expect(found("")).toEqual([]);
});

test("ancestors are the models around, the nearest first", () => {
  expect(ancestors(NODES, 3)).toEqual([2, 1]);
  expect(ancestors(NODES, 0)).toEqual([]);
  expect(ancestors(NODES, -1)).toEqual([]);
});

test("up to 80 rows are open at first; of more, the way to the chosen one", () => {
  expect(initiallyFolded(NODES, 4)).toEqual(new Set());
  const many = [...NODES, ...Array.from({ length: 80 }, (_, i) => node(`more/${i}`, 6))];
  expect(initiallyFolded(many, 3)).toEqual(new Set([6]));
  expect(initiallyFolded(many, -1)).toEqual(new Set([1, 2, 6]));
});

test("nextByName finds the next name, goes round the end, and stays on a longer beginning", () => {
  const rows = visibleRows(NODES, new Set());
  expect(nextByName(NODES, rows, 0, "b")).toBe(1);
  expect(nextByName(NODES, rows, 1, "b")).toBe(2);
  expect(nextByName(NODES, rows, 2, "b")).toBe(1);
  expect(nextByName(NODES, rows, 1, "ba")).toBe(1);
  expect(nextByName(NODES, rows, 1, "bl")).toBe(2);
  expect(nextByName(NODES, rows, 6, "I")).toBe(0);
  expect(nextByName(NODES, rows, 0, "x")).toBe(-1);
});

test("nextHit walks the hits both ways and round the ends", () => {
  const hits = search(NODES, "conv");
  expect(hits).toEqual([3, 4]);
  expect(nextHit(hits, 0, 1)).toBe(3);
  expect(nextHit(hits, 3, 1)).toBe(4);
  expect(nextHit(hits, 6, 1)).toBe(3);
  expect(nextHit(hits, 4, -1)).toBe(3);
  expect(nextHit(hits, 3, -1)).toBe(4);
  expect(nextHit([], -1, 1)).toBe(-1);
});

test("a thousand layers take a few milliseconds", () => {
  const many = Array.from({ length: 1041 }, (_, i) => node(i % 10 ? `m${Math.floor(i / 10)}/${i}` : `m${i / 10}`));
  many.forEach((row, i) => {
    if (i % 10) row.parent = i - (i % 10);
  });
  const start = performance.now();
  expect(visibleRows(many, new Set())).toHaveLength(1041);
  expect(performance.now() - start).toBeLessThan(50);
});
