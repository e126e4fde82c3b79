// Several of a kind - addresses, numbers - each with its type or a label of one's own.
import { Plus, X } from 'lucide-react';
import { useId } from 'react';
import { useIntl } from 'react-intl';

import { Button, Field, IconButton, Select } from '@/parts';

import { emptyRow, PLACE_FIELDS, type PlaceRow, type Row } from './form';

type Kind = 'email' | 'phone' | 'link' | 'place';

export function TypedRows({
  kind,
  inputType,
  types,
  rows,
  onChange,
}: {
  kind: Kind;
  inputType: 'email' | 'tel' | 'url';
  types: readonly string[];
  rows: readonly Row[];
  onChange: (rows: Row[]) => void;
}) {
  const intl = useIntl();
  const name = intl.formatMessage({ id: `people.${kind}` });
  const swap = (at: number, change: Partial<Row>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...change } : row)));
  return (
    <Several kind={kind} add={() => onChange([...rows, emptyRow(types[0] ?? '')])}>
      {rows.map((row, at) => (
        <li key={at} className="flex flex-wrap items-end gap-2">
          <div className="min-w-0 flex-1 basis-52">
            <Field
              label={rows.length > 1 ? `${name} ${intl.formatNumber(at + 1)}` : name}
              // Its own check would refuse what the card may well hold.
              type="text"
              inputMode={inputType}
              autoComplete="off"
              spellCheck={false}
              dir={inputType === 'tel' ? 'ltr' : 'auto'}
              maxLength={1000}
              value={row.value}
              onChange={(event) => swap(at, { value: event.target.value })}
            />
          </div>
          <TypeOf row={row} types={types} onChange={(change) => swap(at, change)} />
          <Remove what={row.value || name} run={() => onChange(rows.filter((_, i) => i !== at))} />
        </li>
      ))}
    </Several>
  );
}

export function PlaceRows({
  rows,
  make,
  onChange,
}: {
  rows: readonly PlaceRow[];
  make: () => PlaceRow;
  onChange: (rows: PlaceRow[]) => void;
}) {
  const intl = useIntl();
  const swap = (at: number, change: Partial<PlaceRow>) =>
    onChange(rows.map((row, index) => (index === at ? { ...row, ...change } : row)));
  return (
    <Several kind="place" add={() => onChange([...rows, make()])}>
      {rows.map((row, at) => (
        <li key={at} className="flex flex-col gap-2 border-s-2 border-line ps-3">
          <div className="grid gap-2 sm:grid-cols-2">
            {PLACE_FIELDS.map((field) => (
              <div key={field} className={field === 'street' ? 'sm:col-span-2' : ''}>
                <Field
                  label={intl.formatMessage({ id: `people.place.${field}` })}
                  dir="auto"
                  autoComplete="off"
                  maxLength={500}
                  value={row[field]}
                  onChange={(event) => swap(at, { [field]: event.target.value })}
                />
              </div>
            ))}
          </div>
          <div className="flex flex-wrap items-end gap-2">
            <TypeOf
              row={row}
              types={['private', 'work', '']}
              onChange={(change) => swap(at, change)}
            />
            <Remove
              what={row.street || intl.formatMessage({ id: 'people.place' })}
              run={() => onChange(rows.filter((_, i) => i !== at))}
            />
          </div>
        </li>
      ))}
    </Several>
  );
}

function Several({
  kind,
  add,
  children,
}: {
  kind: Kind;
  add: () => void;
  children: React.ReactNode;
}) {
  const intl = useIntl();
  const id = useId();
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-2">
      <p id={id} className="text-sm font-semibold text-muted">
        {intl.formatMessage({ id: `people.${kind}.several` })}
      </p>
      <ul className="flex flex-col gap-3 empty:hidden">{children}</ul>
      <Button
        kind="plain"
        className="self-start text-accent"
        icon={<Plus size={16} />}
        onClick={add}
      >
        {intl.formatMessage({ id: `people.${kind}.add` })}
      </Button>
    </div>
  );
}

function TypeOf({
  row,
  types,
  onChange,
}: {
  row: Pick<Row, 'type' | 'label'>;
  types: readonly string[];
  onChange: (change: { type?: string; label?: string }) => void;
}) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `people.type${id}` });
  const known = types.includes(row.type) || row.type === 'label' ? types : [...types, row.type];
  return (
    <>
      <div className="w-36">
        <Select
          label={t('')}
          value={row.type}
          options={[...known, 'label'].map((value) => ({
            value,
            label: t(`.${value === '' ? 'other' : value}`),
          }))}
          onValue={(type) => onChange({ type })}
        />
      </div>
      {row.type === 'label' && (
        <div className="w-36">
          <Field
            label={t('.name')}
            dir="auto"
            autoComplete="off"
            maxLength={100}
            value={row.label}
            onChange={(event) => onChange({ label: event.target.value })}
          />
        </div>
      )}
    </>
  );
}

function Remove({ what, run }: { what: string; run: () => void }) {
  const intl = useIntl();
  return (
    <IconButton
      label={intl.formatMessage({ id: 'people.remove' }, { what })}
      icon={<X size={17} />}
      className="mb-0.5"
      onClick={run}
    />
  );
}
