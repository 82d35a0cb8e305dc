/** Reads a zip as any program would: by its central directory, with the sizes of zip64 where they are there. For tests of exports. */
import assert from 'node:assert/strict';
import { crc32, inflateRawSync } from 'node:zlib';

const signature = { end: 0x06054b50, end64: 0x06064b50, entry: 0x02014b50, local: 0x04034b50 } as const;

/** Contents by name, each held against its CRC. */
export function entriesOf(zip: Buffer): ReadonlyMap<string, Buffer> {
  const entries = new Map<string, Buffer>();
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  assert.ok(end >= 0, 'the zip has no end');
  let count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  const end64 = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x06, 0x06]));
  if (end64 >= 0 && (count === 0xffff || at === 0xffffffff)) {
    count = Number(zip.readBigUInt64LE(end64 + 32));
    at = Number(zip.readBigUInt64LE(end64 + 48));
  }
  for (let index = 0; index < count; index += 1) {
    assert.equal(zip.readUInt32LE(at), signature.entry);
    const [method, crc, packed] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 16), zip.readUInt32LE(at + 20)];
    const [nameLength, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    assert.equal(zip.readUInt32LE(local), signature.local);
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(from, from + packed);
    const whole = method === 0 ? content : inflateRawSync(content);
    assert.equal(crc32(whole), crc, name);
    assert.ok(!entries.has(name), `${name} stands there twice`);
    entries.set(name, whole);
    at += 46 + nameLength + extra + comment;
  }
  return entries;
}
