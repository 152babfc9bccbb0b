import type { ComponentType } from "preact";
import type { Store } from "../state/store.ts";

/** What a panel's components get: the state that `create` made, which the views of a widget share. */
export interface PanelProps<S> {
  store: Store;
  state: S;
}

/**
 * The page half of a feature that has a tab; its export has the feature's name. It asks the kernel through
 * `store.client`: `open` for what each pane asks, the newest first, `features.serve` for what is all answered.
 */
export interface Panel<S> {
  create(store: Store): S;
  /** At the right end of the row of tabs: the one action, its progress, or what it costs. */
  Action?: ComponentType<PanelProps<S>>;
  Body: ComponentType<PanelProps<S>>;
}
