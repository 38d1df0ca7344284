import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { archive } from './archive.js';
import { emulator } from './emulator.js';

const api = await emulator();

// Sampled, since resourceUsage().maxRSS starts at the memory of the parent process.
const upload = `
  import { putPackage } from './index.js';
  const [path, options] = JSON.parse(process.argv[1]);
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  await putPackage({ serviceId: 'memory', version: 1 }, path, options);
  clearInterval(timer);
  console.log(peak / 1024 / 1024);
`;

test('memory does not grow with the package', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fastly-package-'));
  t.after(() => rm(folder, { recursive: true }));
  const peak = {};
  for (const [name, size] of [['1 KiB', 512], ['20 MiB', 20 * 1024 * 1024], ['100 MB', 99_900_000]]) {
    const path = join(folder, 'package.tar.gz');
    await writeFile(path, archive(size));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', upload, JSON.stringify([path, api])],
      { cwd: new URL('..', import.meta.url) },
    );
    peak[name] = Math.round(Number(stdout));
    t.diagnostic(`peak RSS of a process that uploads ${name}: ${peak[name]} MiB`);
  }
  assert(peak['100 MB'] - peak['20 MiB'] < 76, JSON.stringify(peak));
});
