import { afterEach, expect, test, vi } from "vitest";
import { claimKeys, keepFromHost, used } from "../../src/host/keys.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

function press(key: string, modifiers: object = {}) {
  const event = { key, preventDefault: vi.fn(), stopPropagation: vi.fn(), ...modifiers };
  return event as typeof event & KeyboardEvent;
}

test("a used key goes no further, and does nothing else", () => {
  const event = press("ArrowDown");
  used(event);
  expect(event.preventDefault).toHaveBeenCalledOnce();
  expect(event.stopPropagation).toHaveBeenCalledOnce();
});

test.each([
  ["a", {}, true],
  ["Enter", {}, true],
  ["Escape", {}, false],
  ["Tab", {}, false],
  ["Enter", { shiftKey: true }, false],
  ["s", { ctrlKey: true }, false],
  ["s", { metaKey: true }, false],
  ["s", { altKey: true }, false],
])("%s with %o is kept from the host: %s", (key, modifiers, kept) => {
  const event = press(key, modifiers);
  keepFromHost(event);
  expect(event.stopPropagation).toHaveBeenCalledTimes(kept ? 1 : 0);
});

/** What `claimKeys` asks of an element. */
class FakeElement {
  role: string | null = null;
  claimed: boolean | null = null;
  toggleAttribute(name: string, on: boolean) {
    expect(name).toBe("data-lm-suppress-shortcuts");
    this.claimed = on;
  }
}

test("the focused element claims the page's keys, but neither Escape nor the keys that run a cell", () => {
  const listeners = new Set<(event: unknown) => void>();
  vi.stubGlobal("Element", FakeElement);
  vi.stubGlobal("addEventListener", (_: string, listener: () => void) => listeners.add(listener));
  vi.stubGlobal("removeEventListener", (_: string, listener: () => void) => listeners.delete(listener));
  const target = new FakeElement();
  const root = Object.assign(new FakeElement(), { contains: (other: unknown) => other === target });
  const end = claimKeys(root as unknown as HTMLElement);
  const claimed = (key: string, shiftKey = false) => {
    for (const listener of listeners) listener({ key, shiftKey, composedPath: () => [target] });
    return target.claimed;
  };
  expect(claimed("a")).toBe(true);
  expect(claimed("Escape")).toBe(false);
  expect(claimed("Enter")).toBe(true);
  expect(claimed("Enter", true)).toBe(false);
  target.role = "listbox";
  expect(claimed("Enter", true)).toBe(true);
  end();
  expect(listeners.size).toBe(0);
});
