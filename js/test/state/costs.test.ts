import { expect, test } from "vitest";
import messages from "../fixtures/messages.json";
import { CHOICE, openStore, SETUP } from "../model.ts";

const costs = (methods: Record<string, [number, number]>) => ({ milliseconds: 20, methods });

test("costs are asked with the fields that Python reads, and shown in forward passes and time", () => {
  const { model, store } = openStore();
  model.sent.length = 0;
  store.costs.ask(CHOICE);
  expect(model.sent).toEqual([{ kind: "costs", id: expect.any(String), pane: 0, choice: CHOICE }]);
  expect(Object.keys(model.sent[0]).sort()).toEqual(Object.keys(messages.page.costs).sort());
  expect(store.costs.text("gradcam")).toBe("");
  const { id } = model.sent[0];
  // What is measured so far, and then all.
  model.say({ kind: "progress", id, done: 0, total: 1, text: "", costs: costs({ gradcam: [1, 4] }) });
  expect(store.costs.text("gradcam")).toBe("4 forwards · 80 ms");
  const methods: Record<string, [number, number]> = { gradcam: [1, 3.46], rise: [1000, 1001], cam: [0, 1] };
  model.say({ kind: "costs", id, pane: 0, choice: CHOICE, costs: costs(methods) });
  expect(store.costs.text("gradcam")).toBe("3.5 forwards · 69 ms");
  expect(store.costs.text("rise")).toBe("1,000 forwards · 20 s");
  expect(store.costs.text("cam")).toBe("1 forward · 20 ms");
  expect(store.costs.text("unknown")).toBe("");
});

test("an exported file asks no kernel", () => {
  const { model, store } = openStore({ _setup: { ...SETUP, file: { classes: [0] } } });
  model.sent.length = 0;
  store.costs.ask(CHOICE);
  expect(model.sent).toEqual([]);
});

test("an error leaves the menu without costs, and the picture without an error", () => {
  const { model, store } = openStore();
  store.costs.ask(CHOICE);
  const { id } = model.sent.at(-1) as { id: string };
  model.say({ kind: "error", id, pane: 0, choice: CHOICE, message: "no gradient", hint: null });
  expect(store.costs.text("gradcam")).toBe("");
  expect(store.main.problem.value).toBeNull();
});
