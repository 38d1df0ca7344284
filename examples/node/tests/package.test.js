import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import dns from 'node:dns/promises';
import { createReadStream } from 'node:fs';
import fs, { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { FastlyPackageError, getPackage, listVersions, putPackage } from '../index.js';
import { archive, sha512 } from './archive.js';
import { emulator } from './emulator.js';
import { server } from './server.js';

const api = await emulator();
const folder = await mkdtemp(join(tmpdir(), 'fastly-package-'));
after(() => rm(folder, { recursive: true }));

const small = archive(512);
const large = archive(20 * 1024 * 1024);
const path = { small: join(folder, 'small.tar.gz'), large: join(folder, 'large.tar.gz') };
await writeFile(path.small, small);
await writeFile(path.large, large);

// Each test has its own service, so that tests don't see each other's packages.
const newTarget = () => ({ serviceId: randomUUID(), version: 1 });

for (const [name, bytes] of Object.entries({ small, large })) {
  const sources = {
    path: () => path[name],
    'file: URL': () => pathToFileURL(path[name]),
    Buffer: () => bytes,
    'Uint8Array of another realm': () => vm.runInNewContext('Uint8Array.from(bytes)', { bytes }),
    ArrayBuffer: () => new Uint8Array(bytes).buffer,
    Blob: () => new Blob([bytes]),
    'web ReadableStream': () => new Blob([bytes]).stream(),
    'async generator': () => generate([bytes]),
    'Readable of a file': () => createReadStream(path[name]),
    'Readable of one chunk': () => Readable.from([bytes]),
  };
  for (const [kind, source] of Object.entries(sources)) {
    test(`a ${name} package is uploaded from a ${kind} and downloaded again`, async () => {
      const target = newTarget();
      const given = source();
      const isStream = Symbol.asyncIterator in Object(given);
      const put = await putPackage(target, given, { ...api, size: isStream ? bytes.length : undefined });
      const get = await getPackage(target, api);
      assert.equal(put.package.metadata.hashsum, sha512(bytes));
      assert.equal(get.package.metadata.hashsum, sha512(bytes));
      assert.equal(get.package.metadata.size, bytes.length);
      assert.equal(JSON.parse(get.body).service_id, target.serviceId);
      assert.equal(typeof put.rateLimit.remaining, 'number');
    });
  }
}

test('the versions of a service are listed', async () => {
  const { serviceId } = newTarget();
  for (const version of [1, 3]) await putPackage({ serviceId, version }, small, api);
  const versions = await listVersions(serviceId, api);
  assert.deepEqual(versions.map(({ number, active, locked }) => [number, active, locked]), [[1, false, false], [3, false, false]]);
  assert.equal(typeof versions[0].createdAt, 'string');
  await fails(listVersions(serviceId, { ...api, token: 'wrong' }), { kind: 'api', status: 401 });
});

test('a service ID with characters that are not allowed in a path is encoded', async () => {
  const target = { serviceId: "a b/'(ü)*!~", version: 2147483647 };
  const { package: stored } = await putPackage(target, small, api);
  assert.deepEqual([stored.serviceId, stored.version], [target.serviceId, target.version]);
});

test('progress ends at the size', async () => {
  const seen = [];
  await putPackage(newTarget(), path.large, { ...api, onProgress: (...progress) => seen.push(progress) });
  assert.deepEqual(seen.at(-1), [large.length, large.length]);
  assert(seen.length > 10);
  assert(seen.every(([read], i) => i === 0 || read > seen[i - 1][0]));
});

test('a file that is modified while it is sent is never stored', async () => {
  const [target, modified] = [newTarget(), join(folder, 'modified.tar.gz')];
  await writeFile(modified, large);
  const modify = async (read, size) => {
    // Keeps the length, and modifies the end before it is read.
    if (read !== 64 * 1024) return;
    const file = await open(modified, 'r+');
    await file.write('torn', size - 4);
    await file.close();
  };
  const sent = putPackage(target, modified, { ...api, onProgress: modify });
  await assert.rejects(sent, { kind: 'content', code: 'failed', detail: /the file was modified while it was read/ });
  await assert.rejects(getPackage(target, api), { status: 404 });
});

test('an exception of onProgress, or a rejection of its promise, ends the call', async () => {
  const throws = () => {
    throw new RangeError('enough');
  };
  for (const onProgress of [throws, async () => throws()]) {
    await assert.rejects(putPackage(newTarget(), path.large, { ...api, onProgress }), RangeError);
  }
});

test('an error has the caller in its stack and the reason in its message', async () => {
  async function theCaller(source, options) {
    await putPackage(newTarget(), source, { ...api, ...options });
  }
  const abort = new AbortController();
  const failures = [
    [small, { size: small.length + 1 }, `too-short.*after ${small.length} bytes`],
    [join(folder, 'no'), {}, 'no such file'],
    [path.large, { signal: abort.signal, onProgress: () => abort.abort() }, 'aborted'],
  ];
  for (const [source, options, reason] of failures) {
    await assert.rejects(theCaller(source, options), ({ stack, message }) => {
      assert.match(stack, /theCaller/);
      assert.match(message, new RegExp(reason));
      return true;
    });
  }
});

test('the event loop is not blocked', async () => {
  let longest = 0;
  const start = performance.now();
  let last = start;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  await putPackage(newTarget(), path.large, api);
  clearInterval(timer);
  const whole = performance.now() - start;
  assert(longest > 0 && longest < whole / 2, `${longest} of ${whole} ms without a tick`);
});

test('concurrent calls are independent', async () => {
  const hashes = await Promise.all(
    [small, large, small, large].map(async (bytes) => {
      const { package: stored } = await putPackage(newTarget(), bytes, api);
      return stored.metadata.hashsum === sha512(bytes);
    }),
  );
  assert(hashes.every(Boolean));
});

test('a wrong token is a 401, and a missing package a 404', async () => {
  await fails(getPackage(newTarget(), { ...api, token: 'wrong' }), { kind: 'api', status: 401 });
  await fails(putPackage(newTarget(), path.large, { ...api, token: 'wrong' }), { kind: 'api', status: 401 });
  await fails(getPackage(newTarget(), api), { kind: 'api', status: 404, title: 'Not found' });
});

test('a source of another length than announced is not stored', async () => {
  for (const source of [path.large, large, () => Readable.from([large])]) {
    for (const [by, code] of [[1, 'too-short'], [-1, 'too-long']]) {
      const target = newTarget();
      const put = putPackage(target, source instanceof Function ? source() : source, { ...api, size: large.length + by });
      await fails(put, { kind: 'content', code, payload: code === 'too-short' ? large.length : undefined });
      await fails(getPackage(target, api), { kind: 'api', status: 404 });
    }
  }
});

test('a source that fails or is missing is reported', async () => {
  async function* failing() {
    yield small;
    throw new Error('the disk is gone');
  }
  const put = putPackage(newTarget(), Readable.from(failing()), { ...api, size: 2 * small.length });
  await fails(put, { kind: 'content', code: 'failed', detail: 'the disk is gone' });
  await fails(putPackage(newTarget(), join(folder, 'no'), api), { kind: 'content', code: 'failed' });
  await fails(putPackage(newTarget(), folder, api), { kind: 'content', code: 'failed' });
  const text = Readable.from(['text']);
  await fails(putPackage(newTarget(), text, { ...api, size: 4 }), { kind: 'content', code: 'failed' });
});

test('a stream is destroyed when its call ends', { timeout: 10_000 }, async (t) => {
  const streams = {
    'ReadableStream that waits': (end) => new ReadableStream({ cancel: end }),
    'ReadableStream of text': (end) => new ReadableStream({ start: (stream) => stream.enqueue('text'), cancel: end }),
    'async iterable': (end) => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ value: small }), return: async () => end({}) }) }),
  };
  const ended = (stream, target, options) => {
    return new Promise((end) => putPackage(target, stream(end), { ...api, ...options }).catch(() => {}));
  };
  for (const stream of Object.values(streams)) {
    const abort = new AbortController();
    const { apiUrl } = await server(t, () => abort.abort());
    await ended(stream, undefined, { size: 4 });
    await ended(stream, newTarget(), {});
    await ended(stream, newTarget(), { size: 1e9, apiUrl, signal: abort.signal });
  }
});

test('a FIFO is rejected without waiting, and accepted as a Readable', { timeout: 10_000 }, async (t) => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  // Unblocks anything that still waits for a writer.
  t.after(async () => (await open(fifo, 'r+')).close());
  await fails(putPackage(newTarget(), fifo, { ...api, size: small.length }), { kind: 'content', code: 'failed' });
  await fails(putPackage(newTarget(), '/dev/null', { ...api, size: small.length }), { kind: 'content', code: 'failed' });
  const writing = writeFile(fifo, small);
  const put = await putPackage(newTarget(), createReadStream(fifo), { ...api, size: small.length });
  await writing;
  assert.equal(put.package.metadata.hashsum, sha512(small));
});

for (const [name, module, method] of [['opening of a file', fs, 'open'], ['lookup of a name', dns, 'lookup']]) {
  test(`an abort does not wait for the ${name}`, { timeout: 10_000 }, async (t) => {
    const original = module[method];
    const begun = new Promise((resolve) => {
      t.mock.method(module, method, (...args) => {
        return new Promise((give) => resolve(async () => {
          const result = await original(...args);
          give(result);
          return result;
        }));
      });
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const options = { apiUrl: 'http://localhost:9', token: 'T', signal: abort.signal };
    const put = putPackage(newTarget(), path.small, options);
    const finish = await begun;
    abort.abort(reason);
    await assert.rejects(put, { name: 'AbortError', cause: reason });
    const late = await finish();
    // A file that is opened after the abort is closed.
    if (method === 'open') while (late.fd !== -1) await setImmediate();
  });
}

test('invalid arguments are rejected', async () => {
  const stream = createReadStream(path.small);
  await fails(putPackage(newTarget(), stream, api), { kind: 'invalid-argument' });
  assert(stream.destroyed);
  await fails(putPackage(newTarget(), new Uint8Array(), api), { kind: 'invalid-argument' });
  await fails(putPackage(newTarget(), small, { ...api, size: -1 }), { kind: 'invalid-argument' });
  await fails(putPackage(newTarget(), 7, api), { kind: 'invalid-argument' });
  const locked = new ReadableStream();
  locked.getReader();
  await fails(putPackage(newTarget(), locked, { ...api, size: 4 }), { kind: 'invalid-argument' });
  await fails(putPackage(newTarget(), new URL('https://example.com/app.tar.gz'), api), { kind: 'content', code: 'failed' });
  for (const version of [0, -1, 1.5, 2 ** 31, 2 ** 32 + 1, '1']) {
    await fails(getPackage({ serviceId: 's', version }, api), { kind: 'invalid-argument' });
  }
  await fails(getPackage({ serviceId: '..', version: 1 }, api), { kind: 'invalid-argument' });
  for (const serviceId of ['', '..', 5, undefined]) await fails(listVersions(serviceId, api), { kind: 'invalid-argument' });
  await fails(getPackage(newTarget(), { ...api, userAgent: 'a\nb' }), { kind: 'invalid-argument' });
});

test('an argument of a wrong type is rejected before anything starts', async (t) => {
  const served = await server(t, () => {});
  const options = { apiUrl: served.apiUrl, token: 'T', signal: AbortSignal.timeout(5000) };
  const wrong = {
    token: [5, () => 'T', null],
    apiUrl: [5, () => served.apiUrl, Symbol('url'), null],
    userAgent: [5, () => 'a', Symbol('a'), {}, null],
    filename: [5, () => 'a', Symbol('a')],
    expectContinue: [1, 'yes', () => true],
    onProgress: [5, {}],
    signal: [5, {}, () => {}],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const source = createReadStream(path.small);
      const put = putPackage(newTarget(), source, { ...options, size: small.length, [name]: value });
      await fails(put, { kind: 'invalid-argument' });
      assert(source.destroyed);
    }
  }
  for (const target of [undefined, null, 5, 'demo', {}, { serviceId: () => 'demo', version: 1 }, { serviceId: 'demo', version: 1n }]) {
    await fails(getPackage(target, options), { kind: 'invalid-argument' });
    await fails(putPackage(target, small, options), { kind: 'invalid-argument' });
  }
  for (const options of [null, 5, 'token']) await fails(getPackage(newTarget(), options), { kind: 'invalid-argument' });
  const gone = createReadStream(join(folder, 'no'));
  await fails(putPackage(undefined, gone, options), { kind: 'invalid-argument' });
  assert.equal(served.connections, 0);
});

test('an abort ends the call, and nothing is stored', async () => {
  const target = newTarget();
  const abort = new AbortController();
  const reason = new Error('enough');
  const put = putPackage(target, path.large, { ...api, signal: abort.signal, onProgress: () => abort.abort(reason) });
  await assert.rejects(put, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
  await fails(getPackage(target, api), { kind: 'api', status: 404 });
  await assert.rejects(getPackage(target, { ...api, signal: abort.signal }), { name: 'AbortError' });
});

async function* generate(chunks) {
  yield* chunks;
}

async function fails(promise, expected) {
  await assert.rejects(promise, (error) => {
    assert(error instanceof FastlyPackageError, error);
    for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, error.message);
    return true;
  });
}
