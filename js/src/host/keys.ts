/** Keep a handled key from the host: JupyterLab would move the cell selection with the arrows. */
export function used(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

/** Keep keys without a modifier from the host; Escape, Tab and Shift+Enter (run the cell) are the host's. */
export function keepFromHost(event: KeyboardEvent): void {
  const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
  if (ctrlKey || metaKey || altKey || key === "Escape" || key === "Tab" || (shiftKey && key === "Enter")) return;
  event.stopPropagation();
}

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Claim the page's keys from hosts that listen in the capture phase: Notebook 7 does, and checks the focused element
 * only. Escape stays the host's, and so does Shift+Enter outside of a listbox. Returns a function that ends this.
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
