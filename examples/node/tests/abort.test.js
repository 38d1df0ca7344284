import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { getPackage, putPackage } from '../index.js';
import { server } from './server.js';

const target = { serviceId: 'demo', version: 1 };

test('an abort while the thread starts leaves no file open', { timeout: 60_000 }, async (t) => {
  const { apiUrl } = await server(t, () => {});
  const before = openFiles().length;
  for (let ms = 10; ms < 100; ms += 3) {
    const get = getPackage(target, { apiUrl, token: 'T', signal: AbortSignal.timeout(ms) });
    await assert.rejects(get, { name: 'AbortError' });
  }
  await eventually(() => openFiles().length <= before, () => openFiles());
});

test('an abort while the thread starts rejects immediately, without a connection', { timeout: 10_000 }, async (t) => {
  const served = await server(t, () => {});
  const abort = new AbortController();
  const get = getPackage(target, { apiUrl: served.apiUrl, token: 'T', signal: abort.signal });
  const [thread] = await once(process, 'worker');
  let hasEnded = false;
  const ended = once(thread, 'exit').then(() => (hasEnded = true));
  abort.abort();
  await assert.rejects(get, { name: 'AbortError' });
  assert(!hasEnded);
  await ended;
  assert.equal(served.connections, 0);
});

test('the file of an aborted upload is closed when the promise rejects', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fastly-package-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'package.tar.gz');
  await writeFile(path, Buffer.alloc(20_000_000));
  const { apiUrl } = await server(t, (socket) => socket.resume());
  for (let i = 0; i < 20; i++) {
    const abort = new AbortController();
    const onProgress = (read) => read > i * 500_000 && abort.abort();
    const put = putPackage(target, path, { apiUrl, token: 'T', signal: abort.signal, onProgress });
    await assert.rejects(put, { name: 'AbortError' });
    assert(!openFiles().includes(path), `after abort ${i}`);
  }
});

test('one signal aborts many concurrent calls', async (t) => {
  const { apiUrl } = await server(t, () => {});
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const abort = new AbortController();
  const calls = Array.from({ length: 12 }, () => getPackage(target, { apiUrl, token: 'T', signal: abort.signal }));
  await setTimeout(10);
  abort.abort();
  for (const call of calls) await assert.rejects(call, { name: 'AbortError' });
  assert.deepEqual(warnings, []);
});

/** Returns the paths of this process's open files. */
function openFiles() {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // Closed in the meantime.
    }
  });
  return links.filter((link) => link.startsWith('/') && !link.startsWith('/proc/'));
}

/** Waits until a condition holds. After 30 seconds, fails with the actual state. */
async function eventually(condition, actual) {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`${actual()}`);
    await setTimeout(50);
  }
}
