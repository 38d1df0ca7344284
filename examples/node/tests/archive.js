import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** Creates a valid package of about `size` bytes. */
export function archive(size) {
  const files = [
    ['app/fastly.toml', Buffer.from('manifest_version = 3\nname = "app"\nlanguage = "other"\n')],
    ['app/bin/main.wasm', Buffer.from('\0asm\x01\0\0\0', 'latin1')],
    ['app/filler', randomBytes(size)],
  ];
  const tar = Buffer.concat([...files.flatMap(([name, bytes]) => entry(name, bytes)), Buffer.alloc(1024)]);
  return gzipSync(tar, { level: size > 1024 ? 0 : 9 });
}

function entry(name, bytes) {
  const header = Buffer.alloc(512);
  header.write(name);
  header.write('0000644', 100);
  header.write(bytes.length.toString(8).padStart(11, '0'), 124);
  header.write('        0ustar', 148);
  header.write('00', 263);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, bytes, Buffer.alloc(-bytes.length & 511)];
}

export function sha512(bytes) {
  return createHash('sha512').update(bytes).digest('hex');
}
