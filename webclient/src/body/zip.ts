// A zip of stored (not compressed) files: what is attached is compressed already, and the store form needs
// nothing but a checksum (PKWARE APPNOTE 6.3, §4.3).

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

export interface ZipEntry {
  name: string;
  data: Uint8Array;
}

/** No folders, no names that lead out, each name once. */
export function safeNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((raw) => {
    const name =
      raw
        .replace(/[\\/:*?"<>|\u0000-\u001f]/g, '_')
        .replace(/^\.+/, '_')
        .slice(0, 200) || 'file';
    const dot = name.lastIndexOf('.');
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
    let found = name;
    for (let count = 2; used.has(found.toLowerCase()); count += 1)
      found = `${stem} (${count})${extension}`;
    used.add(found.toLowerCase());
    return found;
  });
}

export function zip(entries: readonly ZipEntry[], when: Date): Blob {
  const names = safeNames(entries.map((each) => each.name));
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const date =
    (Math.max(0, when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  const parts: BlobPart[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  entries.forEach(({ data }, at) => {
    const name = new TextEncoder().encode(names[at]);
    const crc = crc32(data);
    const fields = (view: DataView, from: number) => {
      view.setUint16(from, 20, true); // version needed
      view.setUint16(from + 2, 0x0800, true); // names are UTF-8
      view.setUint16(from + 4, 0, true); // stored
      view.setUint16(from + 6, time, true);
      view.setUint16(from + 8, date, true);
      view.setUint32(from + 10, crc, true);
      view.setUint32(from + 14, data.length, true);
      view.setUint32(from + 18, data.length, true);
      view.setUint16(from + 22, name.length, true);
    };
    const local = new Uint8Array(30 + name.length);
    const localView = new DataView(local.buffer);
    localView.setUint32(0, 0x04034b50, true);
    fields(localView, 4);
    local.set(name, 30);
    const central = new Uint8Array(46 + name.length);
    const centralView = new DataView(central.buffer);
    centralView.setUint32(0, 0x02014b50, true);
    centralView.setUint16(4, 20, true);
    fields(centralView, 6);
    centralView.setUint32(42, offset, true);
    central.set(name, 46);
    parts.push(local, data as Uint8Array<ArrayBuffer>);
    directory.push(central);
    offset += local.length + data.length;
  });
  const size = directory.reduce((sum, each) => sum + each.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, entries.length, true);
  view.setUint16(10, entries.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return new Blob([...parts, ...(directory as Uint8Array<ArrayBuffer>[]), end], {
    type: 'application/zip',
  });
}
