import { type ReadonlySignal, type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ViewState } from "../state/viewState.ts";

/** The reading order of the regions, by the maximum width at which it applies: as `narrow.css` arranges them. */
const ORDERS = [
  { upTo: 557, order: ["stage", "panels", "images", "classes", "layers"] },
  { upTo: 640, order: ["stage", "panels", "images", "layers", "classes"] },
  {
    upTo: Number.POSITIVE_INFINITY,
    order: ["layers", "layers' border", "stage", "classes' border", "classes", "panels", "images"],
  },
];

/** Below this width two pictures do not fit between both sidebars. */
const ROOM_FOR_TWO = 860;

interface Props {
  view: ViewState;
  /** Pictures stand side by side. */
  several: ReadonlySignal<boolean>;
  parts: Record<string, ComponentChildren>;
}

/**
 * The lists, the pictures and the images. Sidebars have the user's width, or one that depends on the widget's. The DOM
 * order is the visual order, so that Tab follows it: `reading-flow` would do that, but traps the focus in Chromium 156.
 */
export function Body({ view, several, parts }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const width = useSignal(Number.POSITIVE_INFINITY);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => {
      // A hidden widget has no width.
      if (contentRect.width > 0) width.value = contentRect.width;
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  const order = useComputed(() => ORDERS.find(({ upTo }) => width.value <= upTo)?.order ?? []).value;
  const { layers, classes } = view.widths;
  const crowded = useComputed(() => several.value && width.value > 640 && width.value < ROOM_FOR_TWO);
  const folded = useRef(false);
  // Fold the layers where space is short, unless the user resized or focused them, and unfold them when there is space
  // again.
  useSignalEffect(() => {
    const fold = crowded.value && layers.peek() === null && !element.current?.querySelector(".ke-layers :focus");
    if (!fold && !folded.current) return;
    if (fold) layers.value = 0;
    else if (layers.peek() === 0) layers.value = null;
    folded.current = fold;
  });
  return (
    <div
      ref={element}
      class="ke-body"
      data-several={several.value || undefined}
      data-no-layers={layers.value === 0 || undefined}
      data-no-classes={classes.value === 0 || undefined}
      style={{ "--layers": pixels(layers), "--classes": pixels(classes) }}
    >
      {order.map((name) => (
        <Fragment key={name}>{parts[name]}</Fragment>
      ))}
    </div>
  );
}

function pixels({ value }: Signal<number | null>): string | undefined {
  return value === null ? undefined : `${value}px`;
}
