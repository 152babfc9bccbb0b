import { type ReadonlySignal, type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { type ComponentChildren, Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ViewState } from "../state/viewState.ts";

/** The order in which parts are read, by the width up to which it holds: as `narrow.css` arranges them. */
const ORDERS = [
  { upTo: 557, order: ["stage", "images", "classes", "layers"] },
  { upTo: 640, order: ["stage", "images", "layers", "classes"] },
  {
    upTo: Number.POSITIVE_INFINITY,
    order: ["layers", "layers' border", "stage", "classes' border", "classes", "images"],
  },
];

/** Narrower, two pictures have no room between both sides. */
const ROOM_FOR_TWO = 860;

interface Props {
  view: ViewState;
  /** Pictures stand side by side. */
  several: ReadonlySignal<boolean>;
  parts: Record<string, ComponentChildren>;
}

/**
 * The lists, the pictures and the images. Sides are as wide as they were made, or as the widget's own width has it. In
 * the page parts stand as one sees them, so that Tab goes so too: `reading-flow` would save the work, but holds Chromium
 * 156 in a ring.
 */
export function Body({ view, several, parts }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const width = useSignal(Number.POSITIVE_INFINITY);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => {
      // Hidden, it has none.
      if (contentRect.width > 0) width.value = contentRect.width;
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  const order = useComputed(() => ORDERS.find(({ upTo }) => width.value <= upTo)?.order ?? []).value;
  const { layers, classes } = view.widths;
  const crowded = useComputed(() => several.value && width.value > 640 && width.value < ROOM_FOR_TWO);
  const folded = useRef(false);
  // The layers make room, unless somebody sized them or is among them, and come back when there is room again.
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
