import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** Whether the page has been on the screen once: for what can come a moment later, and must not hold up the first picture. */
export function useAfterPaint(): ReadonlySignal<boolean> {
  const painted = useSignal(false);
  useEffect(() => {
    // Effects run after the paint, all together: this one leaves the next frame to what came first.
    let timer: ReturnType<typeof setTimeout>;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => {
        painted.value = true;
      });
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, []);
  return painted;
}
