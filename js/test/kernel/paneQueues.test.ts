import { expect, test } from "vitest";
import type { FeatureListener } from "../../src/kernel/feature.ts";
import { Latest } from "../../src/kernel/latest.ts";
import { featureOf, type PaneListener, type PaneQueues, paneOf, queuesOf } from "../../src/kernel/paneQueues.ts";
import type { Choice, Fields } from "../../src/messages.ts";
import { CHOICE } from "../model.ts";

function open(prefix = "") {
  const queue = <T>(name: string) => {
    let count = 0;
    const nothing = () => undefined;
    const newId = () => `${prefix}${name}${++count}`;
    return new Latest<T>({ ask: nothing, cancel: nothing, check: nothing, changed: nothing, newId });
  };
  const allLayers = queue<Fields>("a");
  const queues: PaneQueues = {
    listener: {} as PaneListener,
    explain: queue<Choice>("e"),
    features: new Map([["all_layers", { queue: allLayers, listener: {} as FeatureListener }]]),
  };
  return { queues, allLayers };
}

test("the map and each feature have a queue of their own", () => {
  const { queues, allLayers } = open();
  expect(queuesOf(queues)).toEqual([queues.explain, allLayers]);
});

test("an id belongs to the queue that sent it", () => {
  const { queues, allLayers } = open();
  const other = open("other").queues;
  queues.explain.ask(CHOICE);
  allLayers.ask({ choice: CHOICE });
  expect(featureOf(queues, "e1")).toBeUndefined();
  expect(featureOf(queues, "a1")?.queue).toBe(allLayers);
  expect(featureOf(queues, "e2")).toBeUndefined();
  expect(paneOf([other, queues], "a1")).toBe(queues);
  expect(paneOf([other, queues], "e1")).toBe(queues);
  for (const queue of queuesOf(queues)) queue.stop();
  expect(featureOf(queues, "a1")).toBeUndefined();
  expect(paneOf([other, queues], "e1", 0)).toBe(other);
  expect(paneOf([other, queues], "e1", 7)).toBeUndefined();
});

test("what the kernel started by itself is a map, never a feature", () => {
  const { queues } = open();
  queues.explain.expect(CHOICE);
  expect(featureOf(queues, null)).toBeUndefined();
  expect(paneOf([open().queues, queues], null, 1)).toBe(queues);
  queues.explain.stop();
});
