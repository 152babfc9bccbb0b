import { type Signal, useComputed } from "@preact/signals";
import type { View } from "../messages.ts";
import { compose, download, type Shown } from "../picture/savePng.ts";
import { fileName } from "../state/captions.ts";
import { ranged } from "../state/colorRange.ts";
import { MOST_PANES } from "../state/panes.ts";
import type { Store } from "../state/store.ts";
import type { ViewState } from "../state/viewState.ts";
import { Select } from "./controls/Select.tsx";
import { MethodMenu } from "./methods/MethodMenu.tsx";
import { ParamForm } from "./ParamForm.tsx";

const VIEWS = ["overlay", "map", "image"].map((value) => ({ value, title: value }));

export function Toolbar({ store, view }: { store: Store; view: ViewState }) {
  const disabled = store.disconnected.value;
  const method = store.method.value;
  const params = useComputed(() => store.choice.value.params).value;
  return (
    <div class="ke-toolbar">
      <Selects store={store} view={view} disabled={disabled} />
      <Tools store={store} view={view} disabled={disabled} />
      {method && view.params.value && method.params.length > 0 && (
        <ParamForm
          method={method}
          values={params}
          disabled={disabled || store.setup.file !== undefined}
          onChange={(name, value) => store.pickParam(name, value)}
        />
      )}
    </div>
  );
}

interface Props {
  store: Store;
  view: ViewState;
  disabled: boolean;
}

function Tools({ store, view, disabled }: Props) {
  const empty = useComputed(() => !store.picture.value).value;
  return (
    <div class="ke-tools">
      <Tool
        name="Compare"
        title="Compare: add a pane (c)"
        icon="M1.5 1.5h4v9h-4zM7.5 1.5h4v9h-4z"
        disabled={disabled || store.panes.value.length >= MOST_PANES}
        onClick={() => store.addPane()}
      />
      <Tool
        name="Save"
        title="Save the picture as a PNG"
        icon="M6.5 1v7M3.5 5.5l3 3 3-3M1.5 11.5h10"
        disabled={empty}
        onClick={() => void save(store, view)}
      />
      <button
        type="button"
        class="ke-tool"
        aria-label="Keyboard shortcuts"
        aria-haspopup="dialog"
        title="Keyboard shortcuts (?)"
        onClick={() => {
          view.help.value = true;
        }}
      >
        ?
      </button>
    </div>
  );
}

function Selects({ store, view, disabled }: Props) {
  const { models } = store.catalog;
  const { methods, colormaps } = store.setup;
  const model = useComputed(() => `${store.choice.value.model_index}`).value;
  const method = useComputed(() => store.choice.value.method).value;
  return (
    <>
      {models.length > 1 && (
        <Select
          name="Model"
          value={model}
          options={models.map(({ name }, i) => ({ value: `${i}`, title: name }))}
          disabled={disabled}
          onChange={(index) => store.pickModel(+index)}
        />
      )}
      <MethodMenu
        methods={methods}
        value={method}
        disabled={disabled}
        cost={(name) => store.costs.text(name)}
        onOpen={() => store.costs.ask(store.choice.peek())}
        onPick={(name) => store.pickMethod(name)}
      />
      {methods.some(({ params }) => params.length > 0) && <Parameters store={store} open={view.params} />}
      <Select
        name="Colormap"
        value={store.colormap.value}
        options={colormaps.map((name) => ({ value: name, title: name }))}
        onChange={(name) => store.pickColormap(name)}
      />
      <Select
        name="View"
        value={store.display.view.value}
        options={VIEWS}
        onChange={(shown) => store.display.setView(shown as View)}
      />
    </>
  );
}

/** Opens the method's parameters, and lists those that are not at their default. */
function Parameters({ store, open }: { store: Store; open: Signal<boolean> }) {
  const own = store.method.value?.params ?? [];
  const { params } = store.choice.value;
  const changed = own
    .filter(({ name, default: usual }) => (params[name] ?? usual) !== usual)
    .map(({ name }) => `${name.replaceAll("_", " ")} ${params[name]}`)
    .join(", ");
  return (
    <button
      type="button"
      class="ke-tool ke-params-button"
      aria-label={changed ? `Parameters: ${changed}` : "Parameters"}
      aria-expanded={open.value && own.length > 0}
      title={own.length > 0 ? "Parameters" : "No parameters"}
      disabled={own.length === 0}
      onClick={() => {
        open.value = !open.value;
      }}
    >
      <svg width="13" height="13" viewBox="0 0 13 13" fill="none" stroke="currentColor" aria-hidden="true">
        <path d="M1 4h7M11 4h1M1 9.5h1M5 9.5h7M9.5 2.5v3M3.5 8v3" />
      </svg>
      {changed && <em>{changed}</em>}
    </button>
  );
}

interface ToolProps {
  name: string;
  title: string;
  /** Path in a box of 13 by 13. */
  icon: string;
  disabled: boolean;
  onClick(): void;
}

function Tool({ name, title, icon, disabled, onClick }: ToolProps) {
  return (
    <button type="button" class="ke-tool" title={title} disabled={disabled} onClick={onClick}>
      <svg width="13" height="13" viewBox="0 0 13 13" fill="none" stroke="currentColor" aria-hidden="true">
        <path d={icon} />
      </svg>
      <span>{name}</span>
    </button>
  );
}

/** Save all panes side by side, as they are shown. */
async function save(store: Store, view: ViewState): Promise<void> {
  const range = view.range();
  const shown = store.panes.peek().flatMap((pane): Shown[] => {
    const picture = ranged(pane.picture.peek(), range);
    const choice = picture?.result?.choice ?? pane.choice.peek();
    const [colormap, signed] = [store.colormapOf(choice), store.catalog.signed(choice)];
    return picture ? [{ picture, colormap, signed }] : [];
  });
  const settings = {
    opacity: store.display.opacity.peek(),
    threshold: store.display.threshold.peek(),
    view: store.display.view.peek(),
  };
  download(await compose(shown, settings), fileName(store.main.choice.peek(), store.catalog));
}
