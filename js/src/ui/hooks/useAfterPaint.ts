import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** True after the first paint: for what may come a moment later, and must not delay it. */
export function useAfterPaint(): ReadonlySignal<boolean> {
  const painted = useSignal(false);
  useEffect(() => {
    // Effects run after the paint, all together: leave the next frame to what came first.
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
