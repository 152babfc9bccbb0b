/** Keep a key that a control used from the host: JupyterLab would move the cell selection with the arrows. */
export function used(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

/** Keys without a modifier are the page's own; Escape, Tab and Shift+Enter (run the cell) are the host's. */
export function keepFromHost(event: KeyboardEvent): void {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (ctrlKey || metaKey || altKey || key === "Escape" || key === "Tab" || (shiftKey && key === "Enter")) return;
  event.stopPropagation();
}

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Tell a host that looks at keys before we do which are not its own: Notebook 7 takes them on their way down, and asks
 * the focused element alone. Escape is the host's, and so is Shift+Enter where it is no choice. Returns what ends that.
 */
export function claimKeys(root: HTMLElement): () => void {
  const claim = (event: KeyboardEvent) => {
    const [target] = event.composedPath();
    if (!(target instanceof Element) || target === root || !root.contains(target)) return;
    const runs = event.key === "Enter" && event.shiftKey && target.role !== "listbox";
    target.toggleAttribute(SUPPRESS, event.key !== "Escape" && !runs);
  };
  addEventListener("keydown", claim, true);
  return () => removeEventListener("keydown", claim, true);
}

/** Where a key leads in a list of `count` from position `at`; -1 if it leads nowhere. */
export function step(key: string, at: number, count: number, page = 10): number {
  if (count === 0) return -1;
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowRight: at + 1,
    ArrowUp: at - 1,
    ArrowLeft: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: count - 1,
  };
  return key in steps ? Math.min(Math.max(steps[key], 0), count - 1) : -1;
}
