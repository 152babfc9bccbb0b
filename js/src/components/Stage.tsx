import { useComputed } from "@preact/signals";
import { caption, differing } from "../captions.ts";
import type { Store } from "../store.ts";
import type { ViewState } from "../viewstate.ts";
import { PaneView } from "./PaneView.tsx";
import { Slider } from "./Slider.tsx";

/** The pictures, what their colours mean, and how they are shown. */
export function Stage({ store, view }: { store: Store; view: ViewState }) {
  const { opacity, threshold } = store;
  const captions = useCaptions(store);
  const panes = store.panes.value;
  return (
    <div class="ke-stage">
      <div class="ke-panes" data-count={panes.length}>
        {panes.map((pane, i) => (
          <PaneView
            key={pane.id}
            store={store}
            view={view}
            pane={pane}
            number={i + 1}
            caption={panes.length > 1 ? captions.value[i] : null}
          />
        ))}
      </div>
      <div class="ke-sliders">
        <Slider name="Opacity" value={opacity} onChange={(...change) => store.setOpacity(...change)} />
        <Slider
          name="Threshold"
          value={threshold}
          text={`${Math.round(100 * threshold.value)} % hidden`}
          onChange={(...change) => store.setThreshold(...change)}
        />
      </div>
    </div>
  );
}

/** What each pane shows that the others do not. */
function useCaptions(store: Store) {
  return useComputed(() => {
    const choices = store.panes.value.map(({ choice }) => choice.value);
    const keys = differing(choices);
    return choices.map((choice) => caption(choice, keys, store.facts));
  });
}
