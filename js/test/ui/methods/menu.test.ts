import { expect, test, vi } from "vitest";
import type { Method } from "../../../src/messages.ts";
import { Menu } from "../../../src/ui/methods/menu.ts";

const method = (name: string, reason?: string): Method => ({
  ...{ name, title: name, family: "F", answers: "", reason },
  ...{ uses_layer: true, signed: false, params: [] },
});

function open() {
  const pick = vi.fn();
  const menu = new Menu([method("a"), method("b", "has no such layer"), method("c")], pick);
  menu.show("a");
  const press = (key: string, other: object = {}) => {
    const event = { key, preventDefault: vi.fn(), stopPropagation: vi.fn(), ...other } as unknown as KeyboardEvent;
    menu.onKeyDown(event, () => menu.show("a"));
    return vi.mocked(event.preventDefault).mock.calls.length > 0;
  };
  return { menu, pick, press };
}

test("arrows move, Enter picks, and the menu closes", () => {
  const { menu, pick, press } = open();
  expect(menu.active.value).toBe("a");
  press("ArrowDown");
  press("ArrowDown");
  expect(menu.active.value).toBe("c");
  expect(press("Enter")).toBe(true);
  expect(pick).toHaveBeenCalledWith(expect.objectContaining({ name: "c" }));
  expect(menu.open.value).toBe(false);
});

test("a method that does not apply can be read, and not picked", () => {
  const { menu, pick, press } = open();
  press("ArrowDown");
  press("Enter");
  expect(menu.active.value).toBe("b");
  expect(menu.open.value).toBe(true);
  expect(pick).not.toHaveBeenCalled();
});

test("the first match is active, and nothing where nothing matches", () => {
  const { menu, pick, press } = open();
  menu.search("c");
  expect([menu.active.value, menu.at]).toEqual(["c", 0]);
  menu.search("x");
  expect(menu.at).toBe(-1);
  press("Enter");
  expect(pick).not.toHaveBeenCalled();
});

test("Escape closes the open menu, and is left to others where it is closed", () => {
  const { menu, press } = open();
  expect(press("Escape")).toBe(true);
  expect(menu.open.value).toBe(false);
  expect(press("Escape")).toBe(false);
  expect(press("ArrowDown")).toBe(true);
  expect(menu.open.value).toBe(true);
});

test("letters, and keys of the host, are typed or passed on", () => {
  const { press } = open();
  expect(press("g")).toBe(false);
  expect(press("Enter", { ctrlKey: true })).toBe(false);
});
