import type { Method, Param, ParamValue } from "../messages.ts";
import { Select } from "./controls/Select.tsx";

interface Props {
  method: Method;
  values: Record<string, ParamValue>;
  disabled: boolean;
  onChange(name: string, value: ParamValue): void;
}

/** A form for the method's parameters, made from their descriptions. */
export function ParamForm({ method, values, disabled, onChange }: Props) {
  return (
    <fieldset class="ke-params" aria-label={`Parameters of ${method.title}`} disabled={disabled}>
      {method.params.map((param) => (
        <Field
          key={`${method.name}/${param.name}`}
          param={param}
          value={values[param.name] ?? param.default}
          onChange={(value) => onChange(param.name, value)}
        />
      ))}
    </fieldset>
  );
}

interface FieldProps {
  param: Param;
  value: ParamValue;
  onChange(value: ParamValue): void;
}

function Field({ param, value, onChange }: FieldProps) {
  const title = param.name.replaceAll("_", " ");
  if (param.kind === "choice") return <ChoiceField param={param} title={title} value={value} onChange={onChange} />;
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is one of the two inside
    <label class="ke-field" title={param.help ?? undefined}>
      <span>{title}</span>
      {param.kind === "bool" ? (
        <input type="checkbox" checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />
      ) : (
        <NumberInput param={param} value={Number(value)} onChange={onChange} />
      )}
    </label>
  );
}

function ChoiceField({ param, title, value, onChange }: FieldProps & { title: string }) {
  const choices = param.choices ?? [];
  return (
    <Select
      name={title}
      value={String(value)}
      options={choices.map((choice) => ({ value: String(choice), title: String(choice) }))}
      onChange={(text) => onChange(choices.find((choice) => String(choice) === text) ?? text)}
    />
  );
}

/** Reports a number when it is complete, not each of its digits; the nearest one that the form offers. */
function NumberInput({ param, value, onChange }: { param: Param; value: number; onChange(value: number): void }) {
  const { kind, low, high } = param;
  return (
    <input
      type="number"
      step={kind === "int" ? 1 : "any"}
      min={low ?? undefined}
      max={high ?? undefined}
      value={value}
      data-lm-suppress-shortcuts="true"
      onChange={(event) => {
        const number = event.currentTarget.valueAsNumber;
        if (!Number.isFinite(number)) {
          event.currentTarget.value = String(value);
          return;
        }
        const nearest = Math.min(Math.max(number, low ?? number), high ?? number);
        onChange(kind === "int" ? Math.round(nearest) : nearest);
      }}
    />
  );
}
