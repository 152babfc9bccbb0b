import type { Signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { used } from "../host/keys.ts";

/** Pixels: of a side, at least and at most, and of one step by key. Narrower than half the least, it is folded. */
const LEAST = 140;
const MOST = 480;
const STEP = 16;

interface Props {
  side: "layers" | "classes";
  /** Pixels; 0 when it is folded, null as long as nobody has set it. */
  width: Signal<number | null>;
}

/** The border of a side: dragged, it gives the picture more room or less; clicked twice, the side folds and unfolds. */
export function Divider({ side, width }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const grip = useRef<{ x: number; width: number } | null>(null);
  // The layers lie to its left, the classes to its right.
  const towards = side === "layers" ? 1 : -1;

  const measured = () =>
    width.peek() ?? element.current?.parentElement?.querySelector<HTMLElement>(`.ke-${side}`)?.offsetWidth ?? LEAST;
  const set = (to: number) => {
    width.value = to < LEAST / 2 ? 0 : Math.round(Math.min(Math.max(to, LEAST), MOST));
  };
  const fold = () => {
    width.value = width.peek() === 0 ? null : 0;
  };

  function onPointerDown(event: PointerEvent) {
    grip.current = { x: event.clientX, width: measured() };
    element.current?.setPointerCapture(event.pointerId);
  }

  function onPointerMove({ clientX }: PointerEvent) {
    if (grip.current) set(grip.current.width + towards * (clientX - grip.current.x));
  }

  function onKeyDown(event: KeyboardEvent) {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (by) set(Math.max(measured() + towards * by, LEAST));
    else if (event.key === "Enter") fold();
    else return;
    used(event);
  }

  const stop = () => {
    grip.current = null;
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule of the text cannot be moved
    <div
      ref={element}
      class="ke-divider"
      data-side={side}
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of the ${side}`}
      aria-valuemin={0}
      aria-valuemax={MOST}
      aria-valuenow={width.value ?? LEAST}
      aria-valuetext={width.value === 0 ? "folded" : width.value === null ? "as it was" : `${width.value} pixels`}
      title="Drag to size, double-click to fold"
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={stop}
      onPointerCancel={stop}
      onDblClick={fold}
      onKeyDown={onKeyDown}
    />
  );
}
