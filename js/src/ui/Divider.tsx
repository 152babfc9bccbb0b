import type { Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import { used } from "../host/keys.ts";

/** Pixels: minimum and maximum of a sidebar, and one step by key. Below half the minimum it is folded. */
const LEAST = 140;
const MOST = 480;
const STEP = 16;

interface Props {
  side: "layers" | "classes";
  /** Pixels; 0 when it is folded, null until the user sets it. */
  width: Signal<number | null>;
}

/** The border of a sidebar: drag it to resize, double-click it to fold and unfold. */
export function Divider({ side, width }: Props) {
  const { element, handlers } = useResize({ side, width });
  return (
    // biome-ignore lint/a11y/useSemanticElements: an hr cannot be moved
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
      aria-valuetext={width.value === 0 ? "folded" : width.value === null ? "automatic" : `${width.value} pixels`}
      title="Drag to resize, double-click to fold"
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      {...handlers}
    />
  );
}

/** A drag or the arrows resize the side; Enter and a double click fold and unfold it. */
function useResize({ side, width }: Props) {
  const element = useRef<HTMLDivElement>(null);
  // The layers are to its left, the classes to its right.
  const sign = side === "layers" ? 1 : -1;
  const measured = () =>
    width.peek() ?? element.current?.parentElement?.querySelector<HTMLElement>(`.ke-${side}`)?.offsetWidth ?? LEAST;
  const set = (to: number) => {
    width.value = to < LEAST / 2 ? 0 : Math.round(Math.min(Math.max(to, LEAST), MOST));
  };
  const fold = () => {
    width.value = width.peek() === 0 ? null : 0;
  };
  const drag = useDrag(element, sign, measured, set);

  function onKeyDown(event: KeyboardEvent) {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (by) set(Math.max(measured() + sign * by, LEAST));
    else if (event.key === "Enter") fold();
    else return;
    used(event);
  }

  return { element, handlers: { ...drag, onDblClick: fold, onKeyDown } };
}

function useDrag(
  element: RefObject<HTMLDivElement | null>,
  sign: 1 | -1,
  measured: () => number,
  set: (to: number) => void,
) {
  const grip = useRef<{ x: number; width: number } | null>(null);
  const stop = () => {
    grip.current = null;
  };
  return {
    onPointerDown(event: PointerEvent) {
      grip.current = { x: event.clientX, width: measured() };
      element.current?.setPointerCapture(event.pointerId);
    },
    onPointerMove({ clientX }: PointerEvent) {
      if (grip.current) set(grip.current.width + sign * (clientX - grip.current.x));
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}
