import { callExtension } from '@bytecodealliance/preview2-shim/io-worker';
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './component/plugin.js';
import { Content } from './content.js';
import { imports } from './edge.js';

const { decided, allowed, token, target, request, content, size, put } = workerData;

function module(name) {
  return new WebAssembly.Module(readFileSync(new URL(`./component/${name}`, import.meta.url)));
}

callExtension(new URL('./io.js', import.meta.url), 'load', []);
const { packageApi } = instantiate(module, imports(allowed, token));
// All is loaded. Of a call that has ended meanwhile nothing is sent.
if (Atomics.exchange(decided, 0, 1) !== 0) process.exit();
try {
  const reply = content
    ? packageApi.putPackage(target, new Content(content), BigInt(size), put, request)
    : packageApi.getPackage(target, request);
  parentPort.postMessage(plain({ reply }));
} catch (error) {
  // Without a payload it isn't the component's answer but a trap.
  if (!Object.hasOwn(error, 'payload')) throw error;
  parentPort.postMessage(plain({ error: error.payload }));
}

/** As JSON has it: without what is undefined, and with numbers, which suffice for what the component counts, for its bigints. */
function plain(record) {
  return JSON.parse(JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
}
