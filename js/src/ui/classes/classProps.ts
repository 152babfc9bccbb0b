import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Result } from "../../messages.ts";
import type { TypeAhead } from "../../text/typeAhead.ts";

export interface ClassProps {
  labels: readonly string[];
  ranking: ReadonlySignal<readonly number[]>;
  /** Of the image that is shown. */
  result: ReadonlySignal<Result | null>;
  chosen: ReadonlySignal<number>;
  /** The class that the chosen one is contrasted with. */
  contrast: ReadonlySignal<number | null>;
  enabled: ReadonlySignal<boolean>;
  query: Signal<string>;
  typeAhead: TypeAhead;
  onPick(index: number): void;
  /** Null where contrasts are not available. */
  onContrast: ((index: number) => void) | null;
  /** Show it in a pane of its own. */
  onPane(index: number): void;
}

export interface OptionsProps extends ClassProps {
  box: { current: HTMLDivElement | null };
  found: ReadonlySignal<readonly number[]>;
}

interface Modifiers {
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
}

/** Choose a class: alone, with Shift as the contrast, with Ctrl or Cmd in a pane of its own. */
export function choose(index: number, { shiftKey, ctrlKey, metaKey }: Modifiers, props: ClassProps): void {
  if (!props.enabled.peek()) return;
  if (ctrlKey || metaKey) props.onPane(index);
  else if (shiftKey && props.onContrast) props.onContrast(index);
  else props.onPick(index);
}
