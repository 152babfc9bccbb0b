import { useComputed } from "@preact/signals";
import { caption, differing } from "../../state/captions.ts";
import { commonRange } from "../../state/colorRange.ts";
import type { Store } from "../../state/store.ts";
import type { ViewState } from "../../state/viewState.ts";
import { HEADING_LIMITS, truncate } from "../../text/truncate.ts";
import { Switch } from "../controls/Switch.tsx";
import { Opacity, PaneView } from "./PaneView.tsx";

/** The pictures, their legends, and the display settings. */
export function Stage({ store, view }: { store: Store; view: ViewState }) {
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
      {panes.length > 1 && (
        <div class="ke-sliders">
          <OneScale store={store} view={view} />
          <Opacity store={store} />
        </div>
      )}
    </div>
  );
}

/** Switch to equal colours for equal values in all panes, where they have one unit. */
function OneScale({ store, view }: { store: Store; view: ViewState }) {
  const pictures = store.panes.value.map(({ picture }) => picture.value);
  const possible = commonRange(pictures, store.catalog) !== null;
  return (
    <Switch
      name="One scale"
      title={possible ? "Equal colours for equal values in all panes" : "These maps have no common unit"}
      on={possible && view.oneScale.value}
      disabled={!possible}
      onSwitch={() => {
        view.oneScale.value = !view.oneScale.peek();
      }}
    />
  );
}

/** What distinguishes each pane from the others, truncated where space is short. */
function useCaptions(store: Store) {
  return useComputed(() => {
    const choices = store.panes.value.map(({ choice }) => choice.value);
    const keys = differing(choices);
    const captions = choices.map((choice) => caption(choice, keys, store.catalog));
    return captions.map(truncate(captions, HEADING_LIMITS));
  });
}
