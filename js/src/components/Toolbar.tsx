import type { Store } from "../store.ts";
import { ParamForm } from "./ParamForm.tsx";
import { Select } from "./Select.tsx";

export function Toolbar({ store }: { store: Store }) {
  const method = store.method.value;
  const { methods, colormaps } = store.setup;
  const disabled = store.disconnected.value;
  return (
    <div class="ke-bar">
      <Select
        name="Method"
        value={store.choice.value.method}
        options={methods.map(({ name, title }) => ({ value: name, title }))}
        disabled={disabled}
        onChange={(name) => store.pickMethod(name)}
      />
      <Select
        name="Colormap"
        value={store.colormap.value}
        options={colormaps.map((name) => ({ value: name, title: name }))}
        onChange={(name) => store.pickColormap(name)}
      />
      {method && method.params.length > 0 && (
        <ParamForm
          method={method}
          values={store.choice.value.params}
          disabled={disabled}
          onChange={(name, value) => store.pickParam(name, value)}
        />
      )}
    </div>
  );
}
