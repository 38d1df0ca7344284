import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { allowedRequest, checkTokenMayGo } from './egress.js';
import { FastlyPackageError, invalid } from './error.js';
import { asReadable, discard, feed, openSource } from './source.js';

/**
 * One call of the component, in a thread and an instance of its own. `told` is for tests: another API for the component than the one
 * that the edge lets it reach.
 */
export async function call(method, target, source, options, told) {
  let opening, content, signal, onAbort;
  try {
    source = asReadable(source);
    checkOptions(options);
    signal = options.signal;
    const { serviceId, version } = checkedTarget(target);
    const token = tokenOf(options);
    const api = apiOf(options);
    const workerData = {
      allowed: allowedRequest(method, api, { serviceId, version }),
      token,
      target: { serviceId, versionId: version },
      request: { auth: { tag: 'host' }, apiUrl: told ?? api.href, userAgent: options.userAgent },
      put: { flags: { expectContinue: options.expectContinue }, filename: options.filename },
    };
    if (signal?.aborted) throw new AbortError(signal);
    // As newer Nodes do by themselves: one signal is for as many calls as the caller likes.
    if (signal) setMaxListeners(0, signal);
    const aborted = new Promise((_, reject) => (onAbort = () => reject(new AbortError(signal))));
    aborted.catch(() => {});
    signal?.addEventListener('abort', onAbort);
    opening = method === 'put' ? openSource(source, options.size) : undefined;
    content = await Promise.race([aborted, opening]);
    await Promise.race([aborted, checkTokenMayGo(api)]);
    return await run({ ...workerData, size: content?.size }, content, aborted, options);
  } catch (error) {
    // Some are made in a listener, where the stack doesn't name the caller. Here it does.
    if (error instanceof FastlyPackageError || error instanceof AbortError) Error.captureStackTrace(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    discard(source);
    if (content) await content.close();
    // An abort doesn't wait for a file that is still being opened.
    else opening?.then((late) => late.close(), () => {});
  }
}

async function run(workerData, content, aborted, { onProgress }) {
  const { port1, port2 } = new MessageChannel();
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const decided = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...workerData, decided, content: content && { port: port2, turn } },
    transferList: [port2],
    // Nothing in there needs the environment, in which the token may be.
    env: {},
    execArgv: [],
  });
  try {
    const { reply, error } = await new Promise((resolve, reject) => {
      aborted.catch(reject);
      worker.on('message', (message) => {
        worker.removeAllListeners('exit');
        resolve(message);
      });
      worker.on('error', (cause) => reject(broken(cause.message, cause)));
      worker.on('exit', () => reject(broken('its thread has ended')));
      if (!content) return;
      feed(content.chunks, port1, turn, async (read) => {
        try {
          if (read > 0) await onProgress?.(read, content.size);
        } catch (error) {
          reject(error);
        }
      });
    });
    if (error) throw FastlyPackageError.fromComponent(error);
    return reply;
  } finally {
    port1.close();
    // A thread that is terminated while it loads leaves open for good the files that it was reading. If it hasn't decided to begin by now,
    // it ends by itself; else this closes the connection too, and a request that isn't sent whole by now never will be.
    if (Atomics.exchange(decided, 0, 1) !== 0) await worker.terminate();
  }
}

function tokenOf({ token = process.env.FASTLY_API_TOKEN }) {
  if (/^[!-~]+$/.test(token ?? '')) return token;
  throw invalid(
    token
      ? 'the token has characters that no token has'
      : 'there is no token: give options.token, or set FASTLY_API_TOKEN',
  );
}

// Parsed, so that the edge's and the component's spelling of a host are the same.
function apiOf({ apiUrl = process.env.FASTLY_API_ENDPOINT || 'https://api.fastly.com' }) {
  if (!URL.canParse(apiUrl)) throw invalid('apiUrl is not a URL');
  return new URL(apiUrl);
}

// Beyond this the component checks: a fraction or a negative number would reach it as another number.
function checkedTarget(target) {
  const { serviceId, version } = target ?? {};
  if (typeof serviceId !== 'string') throw invalid('serviceId is not a string');
  if (!Number.isInteger(version) || version < 0 || version > 0xffffffff) throw invalid('version is not a version number');
  return { serviceId, version };
}

const types = {
  token: 'string',
  userAgent: 'string',
  filename: 'string',
  expectContinue: 'boolean',
  onProgress: 'function',
};

// What is of another type would fail in the thread, or not get there.
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw invalid('options is not an object');
  for (const [name, type] of Object.entries(types)) {
    if (options[name] !== undefined && typeof options[name] !== type) throw invalid(`${name} is not a ${type}`);
  }
  const { apiUrl, signal } = options;
  if (apiUrl !== undefined && typeof apiUrl !== 'string' && !(apiUrl instanceof URL)) throw invalid('apiUrl is not a URL');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal');
}

function broken(detail, cause) {
  const isBuilt = existsSync(new URL('./component/plugin.js', import.meta.url));
  if (!isBuilt) detail = 'it is not built: run `npm run build` in the folder of this package';
  return new FastlyPackageError('component', { detail }, { cause });
}

class AbortError extends Error {
  name = 'AbortError';
  code = 'ABORT_ERR';

  constructor({ reason }) {
    super('The operation was aborted', { cause: reason });
  }
}
