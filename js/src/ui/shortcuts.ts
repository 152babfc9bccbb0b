import { used } from "../host/keys.ts";
import type { Setup, View } from "../messages.ts";
import type { Store } from "../state/store.ts";

const VIEWS: readonly View[] = ["overlay", "map", "image"];

export interface Shortcut {
  keys: readonly string[];
  description: string;
  run(store: Store, key: string): void;
}

/** Shortcuts of the whole widget; controls have keys of their own. */
export const SHORTCUTS: readonly Shortcut[] = [
  {
    keys: ["[", "]"],
    description: "Previous, next layer",
    run: (store, key) => stepLayer(store, key === "[" ? -1 : 1),
  },
  {
    keys: [",", "."],
    description: "Previous, next image",
    run: (store, key) => stepImage(store, key === "," ? -1 : 1),
  },
  { keys: ["m"], description: "Next method", run: nextMethod },
  { keys: ["o"], description: "Hide or show the map", run: toggleOpacity },
  { keys: ["v"], description: "Next view: overlay, map, image", run: nextView },
  { keys: ["a"], description: "All layers at once", run: (store) => store.fetchAllLayers() },
  { keys: ["c"], description: "Compare: add a pane", run: (store) => store.addPane() },
  { keys: ["x"], description: "Close the pane", run: (store) => store.closePane(store.active.peek()) },
  { keys: ["1", "2", "3", "4"], description: "Go to a pane", run: (store, key) => goToPane(store, Number(key) - 1) },
];

export const HELP = "?";

/** Keys of the controls, for the help dialog. */
export const CONTROL_KEYS: readonly (readonly [string, string])[] = [
  ["Arrows", "Move in a list, the layer tree, the picture, the tabs"],
  ["Letters", "Find a layer or a class by the start of its name"],
  ["Left, Right", "Fold and unfold layers"],
  ["Enter", "Select the layer; in a search field, the best class or the next layer"],
  ["Ctrl+Arrows", "Move among the classes without selecting"],
  ["Shift+Enter", "Contrast with that class"],
  ["Ctrl+Enter", "Show that class in a pane of its own"],
  ["Escape", "Hide the crosshair, clear a search, close the panel or this"],
];

/** Whether the target takes the key as text; a select takes letters. */
export function isTyping(target: { tagName: string; type?: string }, key: string): boolean {
  if (target.tagName === "TEXTAREA") return true;
  if (target.tagName === "SELECT") return /^\w$/.test(key);
  return target.tagName === "INPUT" && !/^(range|checkbox)$/.test(target.type ?? "");
}

export function shortcutOf(key: string): Shortcut | undefined {
  return SHORTCUTS.find(({ keys }) => keys.includes(key));
}

function stepLayer(store: Store, by: number): void {
  const choice = store.choice.peek();
  const nodes = store.catalog.modelOf(choice).nodes.filter(({ spatial }) => spatial);
  const to = nodes[nodes.findIndex(({ path }) => path === choice.layer) + by];
  if (to) store.pick({ layer: to.path }, store.active.peek().allLayers.peek() !== null);
}

function stepImage(store: Store, by: number): void {
  const indices = store.predictions.peek().passing() ?? range(store.setup);
  const { image_index } = store.choice.peek();
  const at = indices.findIndex((index) => index >= image_index);
  const here = indices[at] === image_index;
  const to = indices[(at < 0 ? indices.length : at) + (by > 0 && !here ? 0 : by)];
  if (to !== undefined) store.pick({ image_index: to });
}

function range({ images }: Setup): number[] {
  return Array.from({ length: images }, (_, index) => index);
}

function nextMethod(store: Store): void {
  const names = store.setup.methods.flatMap(({ name, reason }) => (reason ? [] : name));
  store.pickMethod(names[(names.indexOf(store.choice.peek().method) + 1) % names.length]);
}

const before = new WeakMap<Store, number>();

function toggleOpacity(store: Store): void {
  const opacity = store.display.opacity.peek();
  if (opacity > 0) before.set(store, opacity);
  store.display.setOpacity(opacity > 0 ? 0 : (before.get(store) ?? 0.6));
}

function nextView(store: Store): void {
  store.display.setView(VIEWS[(VIEWS.indexOf(store.display.view.peek()) + 1) % VIEWS.length]);
}

function goToPane(store: Store, at: number): void {
  const pane = store.panes.peek()[at];
  if (pane) store.activate(pane);
}

interface HelpView {
  help: { value: boolean };
  typeAhead: { active: boolean };
}

/**
 * Run a key's shortcut. Signs run in the capture phase (`early`), before a list takes them for type-ahead, unless that
 * is active; letters run where the focused element did not handle them.
 */
export function onShortcut(event: KeyboardEvent, store: Store, view: HelpView, early: boolean): void {
  const { key, ctrlKey, metaKey, altKey } = event;
  const modified = (ctrlKey || metaKey || altKey) && !event.getModifierState("AltGraph");
  const [target] = event.composedPath() as HTMLInputElement[];
  if (modified || event.isComposing || early !== /^[^\w\s]$/.test(key) || isTyping(target, key)) return;
  if (early && view.typeAhead.active) return;
  const shortcut = shortcutOf(key);
  if (key === HELP) view.help.value = true;
  else if (shortcut) shortcut.run(store, key);
  else return;
  used(event);
}
