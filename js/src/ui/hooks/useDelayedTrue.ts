import { effect, type ReadonlySignal, useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

/** True once `state` has been true for some milliseconds: shorter states are not shown at all, and cost no frame. */
export function useDelayedTrue(state: ReadonlySignal<boolean>, moment: number): ReadonlySignal<boolean> {
  const lasting = useSignal(false);
  useLayoutEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const set = (value: boolean) => {
      lasting.value = value;
    };
    const end = effect(() => {
      clearTimeout(timer);
      if (state.value) timer = setTimeout(set, moment, true);
      else set(false);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, []);
  return lasting;
}
