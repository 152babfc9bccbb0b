import { expect, test } from "vitest";
import { Store } from "../../src/state/store.ts";
import { TreeState, ViewState } from "../../src/state/viewState.ts";
import { CHOICE, FakeModel, node, resultFor } from "../model.ts";

const NESTED = [node("input", -1, false), node("block"), node("block/conv", 1), node("block/add", 1), node("top")];

test("the tree opens on the way to the chosen layer", () => {
  const tree = new TreeState(NESTED, "block/add");
  expect(tree.active.value).toBe(3);
  expect(tree.folded.value.has(1)).toBe(false);
  expect(new TreeState(NESTED, "gone").active.value).toBe(0);
});

test("folding hides what is inside, revealing a layer unfolds what is around it", () => {
  const tree = new TreeState(NESTED, "top");
  tree.fold(1, true);
  expect([...tree.folded.value]).toEqual([1]);
  tree.reveal("block/conv");
  expect([...tree.folded.value]).toEqual([]);
  expect(tree.active.value).toBe(2);
  tree.reveal("gone");
  expect(tree.active.value).toBe(2);
  tree.fold(1, true);
  tree.fold(1, false);
  expect(tree.folded.value.size).toBe(0);
});

test("matches follow the query", () => {
  const tree = new TreeState(NESTED, "top");
  expect(tree.hits.value).toEqual([]);
  tree.layerQuery.value = "block a";
  expect(tree.hits.value.map((index) => tree.layers[index].path)).toEqual(["block/add"]);
});

function open() {
  const store = new Store(new FakeModel(), new AbortController().signal, async () => ({}) as ImageBitmap);
  return { store, view: new ViewState(store) };
}

test("each model has one tree, kept as it was left", () => {
  const { view } = open();
  expect(view.tree(0).layers.map(({ path }) => path)).toEqual(["input", "a", "b", "c"]);
  view.tree(0).layerQuery.value = "b";
  expect(view.tree(0).layerQuery.value).toBe("b");
});

test("the common range is that of all panes, where it is wanted and they have one unit", () => {
  const { store, view } = open();
  store.setup.methods[0].unit = "logit";
  store.addPane({ class_index: 1 });
  const picture = (high: number) => {
    const [{ map, choice }] = resultFor(CHOICE, 1);
    return { index: 0, bitmap: {}, size: {}, result: { map: { ...map, high }, choice } } as never;
  };
  store.panes.value[0].picture.value = picture(2);
  store.panes.value[1].picture.value = picture(5);
  expect(view.range()).toBeNull();
  view.oneScale.value = true;
  expect(view.range()).toEqual({ low: 0, high: 5 });
  delete store.setup.methods[0].unit;
});
