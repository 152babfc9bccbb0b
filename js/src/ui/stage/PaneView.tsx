import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ranged } from "../../state/colorRange.ts";
import type { Pane } from "../../state/pane.ts";
import type { Store } from "../../state/store.ts";
import type { ViewState } from "../../state/viewState.ts";
import type { Truncated } from "../../text/truncate.ts";
import { Slider } from "../controls/Slider.tsx";
import { useDelayedTrue } from "../hooks/useDelayedTrue.ts";
import { Caption } from "./Caption.tsx";
import { Legend } from "./Legend.tsx";
import { PictureBox } from "./PictureBox.tsx";

interface Props {
  store: Store;
  view: ViewState;
  pane: Pane;
  /** From 1. */
  number: number;
  /** What distinguishes it from the others; null when it is the only one. */
  caption: Truncated | null;
}

/** One picture with its legend and, among several, its heading. */
export function PaneView(props: Props) {
  const { store, view, pane, number, caption } = props;
  const picture = useComputed(() => ranged(pane.picture.value, view.range()));
  const shown = useComputed(() => picture.value?.result?.choice ?? pane.choice.value);
  const colormap = useComputed(() => store.colormapOf(shown.value));
  const signed = useComputed(() => store.catalog.signed(shown.value));
  const late = useDelayedTrue(pane.late, 75); // So that a pending choice is shown within 100 ms.
  const body = <PictureBox {...props} {...{ picture, late, colormap, signed }} />;
  const legend = <Legend store={store} result={picture.value?.result ?? null} {...{ colormap, signed, number }} />;
  if (caption === null)
    return (
      <div class="ke-pane">
        <Caption store={store} pane={pane} late={late} />
        {body}
        <div class="ke-sliders">
          {legend}
          <Opacity store={store} />
        </div>
      </div>
    );
  return (
    <Group store={store} pane={pane} name={`Pane ${number}: ${caption.join("")}`}>
      <Caption
        store={store}
        pane={pane}
        late={late}
        heading={caption}
        before={<b class="ke-badge">{number}</b>}
        after={number > 1 && <Close number={number} onClose={() => store.closePane(pane)} />}
      />
      {body}
      {legend}
    </Group>
  );
}

interface GroupProps {
  store: Store;
  pane: Pane;
  name: string;
  children: ComponentChildren;
}

/** One pane among several: clicking or focusing it activates it. */
function Group({ store, pane, name, children }: GroupProps) {
  const activate = () => store.activate(pane);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    <div
      class="ke-pane"
      role="group"
      aria-label={name}
      aria-current={store.active.value === pane || undefined}
      // Not on pointerdown: the parameters of another method would move what is clicked.
      onClickCapture={activate}
      onFocusCapture={(event) => (event.target as Element).matches(":focus-visible") && activate()}
    >
      {children}
    </div>
  );
}

export function Opacity({ store }: { store: Store }) {
  return (
    <Slider
      name="Opacity"
      value={store.display.opacity}
      onChange={(...change) => store.display.setOpacity(...change)}
    />
  );
}

function Close({ number, onClose }: { number: number; onClose(): void }) {
  const name = `Close pane ${number}`;
  return (
    <button type="button" class="ke-icon" aria-label={name} title={`${name} (x)`} onClick={onClose}>
      <svg width="10" height="10" viewBox="0 0 10 10" fill="none" stroke="currentColor" aria-hidden="true">
        <path d="M1 1l8 8M9 1 1 9" />
      </svg>
    </button>
  );
}
