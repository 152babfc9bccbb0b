import { useComputed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { claimKeys, keepFromHost } from "../host/keys.ts";
import { watchTheme } from "../host/theme.ts";
import type { Result } from "../messages.ts";
import { imageName } from "../state/captions.ts";
import type { Store } from "../state/store.ts";
import type { ViewState } from "../state/viewState.ts";
import { Body } from "./Body.tsx";
import { ClassList } from "./classes/ClassList.tsx";
import { ErrorBanner, Notice } from "./controls/ErrorBanner.tsx";
import { Divider } from "./Divider.tsx";
import { Drawer } from "./Drawer.tsx";
import { Help } from "./Help.tsx";
import { useAfterPaint } from "./hooks/useAfterPaint.ts";
import { useDelayedTrue } from "./hooks/useDelayedTrue.ts";
import { ImageStrip } from "./images/ImageStrip.tsx";
import { LayerTree } from "./layers/LayerTree.tsx";
import { onShortcut } from "./shortcuts.ts";
import { Stage } from "./stage/Stage.tsx";
import { Toolbar } from "./Toolbar.tsx";

export function App({ store, view }: { store: Store; view: ViewState }) {
  const root = useHost();
  return (
    <section
      ref={root}
      class="ke"
      // biome-ignore lint/a11y/noRedundantRoles: explicit, so that tests and readers find it whatever the tag
      role="region"
      aria-label="Explainer"
      aria-busy={store.busy}
      data-lm-suppress-shortcuts="true"
      onKeyDownCapture={(event) => onShortcut(event, store, view, true)}
      onKeyDown={(event) => {
        onShortcut(event, store, view, false);
        keepFromHost(event);
      }}
    >
      <Toolbar store={store} view={view} />
      {store.notices.value.map((text) => (
        <Notice key={text} text={text} onDismiss={() => store.dismissNotice(text)} />
      ))}
      {store.ended.value && <ErrorBanner problem={store.ended.value} />}
      <Parts store={store} view={view} />
      {view.help.value && (
        <Help
          onClose={() => {
            view.help.value = false;
          }}
        />
      )}
    </section>
  );
}

/** Follow the host's theme, and claim the page's keys from its shortcuts. */
function useHost() {
  const root = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const endTheme = watchTheme(element, (dark) => {
      element.dataset.theme = dark ? "dark" : "light";
    });
    const endKeys = claimKeys(element);
    return () => {
      endTheme();
      endKeys();
    };
  }, []);
  return root;
}

function Parts({ store, view }: { store: Store; view: ViewState }) {
  // A large model's graph takes a while to render. It needs no answer of the kernel; what does comes a frame later.
  const painted = useAfterPaint().value;
  return (
    <Body
      view={view}
      several={useComputed(() => store.panes.value.length > 1)}
      parts={{
        layers: <Layers store={store} view={view} />,
        "layers' border": <Divider side="layers" width={view.widths.layers} />,
        stage: painted && <Stage store={store} view={view} />,
        "classes' border": <Divider side="classes" width={view.widths.classes} />,
        classes: painted && <Classes store={store} view={view} />,
        panels: painted && <Drawer store={store} />,
        images: painted && <Images store={store} />,
      }}
    />
  );
}

function Layers({ store, view }: { store: Store; view: ViewState }) {
  const model = useComputed(() => store.choice.value.model_index).value;
  const tree = view.tree(model);
  const depth = {
    catalog: store.catalog,
    choice: store.choice,
    allLayers: useComputed(() => store.active.value.allLayers.value),
    allLayersWaiting: useComputed(() => store.active.value.allLayersWaiting.value !== "idle"),
    enabled: useComputed(() => !store.disconnected.value),
    onFetchAll: () => store.fetchAllLayers(),
    onDropAll: () => store.dropAllLayers(),
    onPick: (layer: string) => store.pick({ layer }, true),
  };
  return (
    <LayerTree
      key={model}
      nodes={tree.layers}
      edgesKnown={store.catalog.modelOf(store.choice.peek()).edges_known}
      chosen={useComputed(() => store.choice.value.layer)}
      enabled={depth.enabled}
      depth={depth}
      unused={useComputed(() => store.method.value?.uses_layer === false)}
      view={tree}
      typeAhead={view.typeAhead}
      onPick={(layer) => store.pick({ layer })}
    />
  );
}

function Classes({ store, view }: { store: Store; view: ViewState }) {
  return (
    <ClassList
      labels={store.setup.labels}
      ranking={store.ranking}
      result={useHeldResult(store)}
      chosen={useComputed(() => store.choice.value.class_index)}
      contrast={useComputed(() => store.choice.value.contrast_index)}
      enabled={useComputed(() => !store.disconnected.value)}
      query={view.classQuery}
      typeAhead={view.typeAhead}
      onPick={(index) => store.pickClass(index)}
      onContrast={store.setup.file ? null : (index) => store.pickContrast(index)}
      onPane={(index) => store.addPane({ class_index: index })}
    />
  );
}

/** The result that is shown; between two images the previous one, for a moment, so that numbers do not flicker. */
function useHeldResult({ picture }: Store) {
  const held = useRef<Result | null>(null);
  const own = useComputed(() => picture.value?.result ?? null);
  const gone = useDelayedTrue(
    useComputed(() => own.value === null),
    400,
  );
  return useComputed(() => {
    if (own.value || gone.value) held.current = own.value;
    return held.current;
  });
}

function Images({ store }: { store: Store }) {
  const { setup, catalog } = store;
  return (
    <ImageStrip
      catalog={catalog}
      count={setup.images}
      nameOf={(index) => imageName(index, catalog)}
      labels={setup.labels}
      chosen={useComputed(() => store.choice.value.image_index)}
      enabled={useComputed(() => !store.disconnected.value)}
      imageCache={store.imageCache}
      predictions={store.predictions}
      ready={useComputed(() => store.panes.value[0].latest.value !== null)}
      targets={setup.y_true}
      model={useComputed(() => (catalog.models.length > 1 ? catalog.modelOf(store.choice.value).name : null)).value}
      onPick={(image_index) => store.pick({ image_index })}
      onRefuse={(why) => {
        store.refusal.value = why;
      }}
    />
  );
}
