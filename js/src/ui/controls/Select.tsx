interface Props {
  name: string;
  /** Accessible name, where the visible one does not suffice. */
  label?: string;
  value: string;
  /** An option with a `reason` is disabled. */
  options: readonly { value: string; title: string; reason?: string }[];
  disabled?: boolean;
  onChange(value: string): void;
}

export function Select({ name, label = name, value, options, disabled, onChange }: Props) {
  return (
    <label class="ke-field">
      <span>{name}</span>
      <select
        aria-label={label}
        value={value}
        disabled={disabled}
        data-lm-suppress-shortcuts="true"
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map(({ value: own, title, reason }) => (
          <option key={own} value={own} selected={own === value} disabled={!!reason} title={reason}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
