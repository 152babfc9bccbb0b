import { expect, test, vi } from "vitest";
import { perPane } from "../../src/state/perPane.ts";
import { openStore } from "../model.ts";

test("each pane has its own, made once", () => {
  const { store } = openStore();
  const build = vi.fn((pane: object) => ({ pane }));
  const own = perPane(store.active, build);
  const first = own.value;
  expect(first.pane).toBe(store.active.value);
  store.addPane();
  const second = own.value;
  expect(second.pane).toBe(store.active.value);
  expect(second).not.toBe(first);
  store.activate(store.main);
  expect(own.value).toBe(first);
  expect(build).toHaveBeenCalledTimes(2);
});
