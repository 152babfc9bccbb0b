import { expect, test } from "vitest";
import { Latest } from "../../src/kernel/latest.ts";
import { type PaneListener, type PaneQueues, queueOf, workOf } from "../../src/kernel/paneQueues.ts";
import { CHOICE } from "../model.ts";

function open(): PaneQueues {
  const queue = (name: string) => {
    let count = 0;
    const nothing = () => undefined;
    return new Latest({
      ask: nothing,
      cancel: nothing,
      check: nothing,
      changed: nothing,
      newId: () => `${name}${++count}`,
    });
  };
  return { listener: {} as PaneListener, explain: queue("e"), allLayers: queue("a") };
}

test("each kind of request has its queue", () => {
  const queues = open();
  expect(queueOf(queues, "explain")).toBe(queues.explain);
  expect(queueOf(queues, "all_layers")).toBe(queues.allLayers);
});

test("an id belongs to the queue that sent it", () => {
  const queues = open();
  queues.explain.ask(CHOICE);
  queues.allLayers.ask(CHOICE);
  expect(workOf(queues, "e1")).toBe("explain");
  expect(workOf(queues, "a1")).toBe("all_layers");
  expect(workOf(queues, "e2")).toBeNull();
  queues.explain.stop();
  queues.allLayers.stop();
  expect(workOf(queues, "e1")).toBeNull();
});

test("what the kernel started by itself is a map, never all layers", () => {
  const queues = open();
  expect(workOf(queues, null)).toBeNull();
  queues.explain.expect(CHOICE);
  expect(workOf(queues, null)).toBe("explain");
  queues.explain.stop();
});
