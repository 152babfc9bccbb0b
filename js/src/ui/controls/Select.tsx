interface Props {
  name: string;
  /** Its name for a reader, where what is seen would not do. */
  label?: string;
  value: string;
  /** One with a `reason` cannot be chosen. */
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
