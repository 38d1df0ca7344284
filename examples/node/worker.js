import { callExtension } from '@bytecodealliance/preview2-shim/io-worker';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './component/plugin.js';
import { Content } from './content.js';
import { imports } from './outbound.js';

const { operation, claimed, allowed, token, target, request, content, size, put } = workerData;

function module(name) {
  return new WebAssembly.Module(readFileSync(new URL(`./component/${name}`, import.meta.url)));
}

callExtension(new URL('./io.js', import.meta.url), 'load', []);
const { packageApi, versions } = instantiate(module, imports(allowed, token));
// A call that ended while the component was loaded sends nothing.
if (Atomics.exchange(claimed, 0, 1) !== 0) process.exit();
const operations = {
  get: () => packageApi.getPackage(target, request),
  put: () => packageApi.putPackage(target, new Content(content), BigInt(size), put, request),
  list: () => versions.listVersions(target.serviceId, request),
};
try {
  parentPort.postMessage(plain({ result: operations[operation]() }));
} catch (error) {
  // An error without a payload is a trap, not a result of the component.
  if (!Object.hasOwn(error, 'payload')) throw error;
  parentPort.postMessage(plain({ error: error.payload }));
}

/** Converts a record as JSON does: drops undefined fields, and converts bigints to numbers, which are large enough for the component's values. */
function plain(record) {
  return JSON.parse(JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
}
