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
