import { effect, type ReadonlySignal, useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

/** Milliseconds of waiting that are not worth a word. */
export const MOMENT = 400;

/** True once `state` has been so for a moment: what is soon over is not shown at all, and costs no frame. */
export function useLasting(state: ReadonlySignal<boolean>): ReadonlySignal<boolean> {
  const lasting = useSignal(false);
  useLayoutEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const set = (value: boolean) => {
      lasting.value = value;
    };
    const end = effect(() => {
      clearTimeout(timer);
      if (state.value) timer = setTimeout(set, MOMENT, true);
      else set(false);
    });
    return () => {
      clearTimeout(timer);
      end();
    };
  }, []);
  return lasting;
}
