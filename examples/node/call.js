import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { allowedRequest, checkUrlIsSecure } from './egress.js';
import { FastlyPackageError, invalid } from './error.js';
import { asReadable, destroySource, feed, openSource } from './source.js';

/**
 * Calls the component, in its own thread and instance.
 *
 * @param apiUrlOverride For tests: the API URL to pass to the component, if it differs from the one that outbound HTTP allows.
 */
export async function call(operation, target, source, options, apiUrlOverride) {
  let opening, content, signal, onAbort;
  try {
    source = asReadable(source);
    checkOptions(options);
    signal = options.signal;
    const { serviceId, version } = checkTarget(operation, target);
    const token = getToken(options);
    const api = getApi(options);
    const workerData = {
      operation,
      allowed: allowedRequest(operation, api, { serviceId, version }),
      token,
      target: { serviceId, versionId: version },
      request: { auth: { tag: 'host' }, apiUrl: apiUrlOverride ?? api.href, userAgent: options.userAgent },
      put: { flags: { expectContinue: options.expectContinue }, filename: options.filename },
    };
    if (signal?.aborted) throw new AbortError(signal);
    // A signal may be used for any number of calls. Newer versions of Node don't limit its listeners either.
    if (signal) setMaxListeners(0, signal);
    const aborted = new Promise((_, reject) => (onAbort = () => reject(new AbortError(signal))));
    aborted.catch(() => {});
    signal?.addEventListener('abort', onAbort);
    opening = operation === 'put' ? openSource(source, options.size) : undefined;
    content = await Promise.race([aborted, opening]);
    await Promise.race([aborted, checkUrlIsSecure(api)]);
    return await run({ ...workerData, size: content?.size }, content, aborted, options);
  } catch (error) {
    // An error that was created in a listener lacks the caller in its stack trace.
    if (error instanceof FastlyPackageError || error instanceof AbortError) Error.captureStackTrace(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    destroySource(source);
    if (content) await content.close();
    // An abort doesn't wait for a file that is being opened.
    else opening?.then((opened) => opened.close(), () => {});
  }
}

async function run(workerData, content, aborted, { onProgress }) {
  const { port1, port2 } = new MessageChannel();
  const sequence = new Int32Array(new SharedArrayBuffer(4));
  const claimed = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...workerData, claimed, content: content && { port: port2, sequence } },
    transferList: [port2],
    // The thread doesn't need the environment, which may contain the token.
    env: {},
    execArgv: [],
  });
  try {
    const { result, error } = await new Promise((resolve, reject) => {
      aborted.catch(reject);
      worker.on('message', (message) => {
        worker.removeAllListeners('exit');
        resolve(message);
      });
      worker.on('error', (cause) => reject(componentError(cause.message, cause)));
      worker.on('exit', () => reject(componentError('the thread exited')));
      if (!content) return;
      feed(content.chunks, port1, sequence, async (read) => {
        try {
          if (read > 0) await onProgress?.(read, content.size);
        } catch (error) {
          reject(error);
        }
      });
    });
    if (error) throw FastlyPackageError.fromComponent(error);
    return result;
  } finally {
    port1.close();
    // Terminating a thread while it loads would leak the file descriptors that it is reading. A thread that hasn't claimed the call by now exits
    // by itself. Otherwise, terminating it closes the connection, so that an incomplete request is never completed.
    if (Atomics.exchange(claimed, 0, 1) !== 0) await worker.terminate();
  }
}

function getToken({ token = process.env.FASTLY_API_TOKEN }) {
  if (/^[!-~]+$/.test(token ?? '')) return token;
  throw invalid(
    token
      ? 'the token contains a character that is not allowed in a token'
      : 'no token: set options.token or FASTLY_API_TOKEN',
  );
}

// Parsed, so that outbound HTTP and the component use the same spelling of the host.
function getApi({ apiUrl = process.env.FASTLY_API_ENDPOINT || 'https://api.fastly.com' }) {
  if (!URL.canParse(apiUrl)) throw invalid('apiUrl is not a URL');
  return new URL(apiUrl);
}

// The component checks the rest. A fraction or a negative number would be converted to another number on the way.
function checkTarget(operation, target) {
  const { serviceId, version } = target ?? {};
  if (typeof serviceId !== 'string') throw invalid('serviceId is not a string');
  const isVersion = Number.isInteger(version) && version >= 0 && version <= 0xffffffff;
  if (operation !== 'list' && !isVersion) throw invalid('version is not a version number');
  return { serviceId, version };
}

const types = {
  token: 'string',
  userAgent: 'string',
  filename: 'string',
  expectContinue: 'boolean',
  onProgress: 'function',
};

// A value of another type would fail in the thread, or could not be sent to it.
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw invalid('options is not an object');
  for (const [name, type] of Object.entries(types)) {
    if (options[name] !== undefined && typeof options[name] !== type) throw invalid(`${name} is not a ${type}`);
  }
  const { apiUrl, signal } = options;
  if (apiUrl !== undefined && typeof apiUrl !== 'string' && !(apiUrl instanceof URL)) throw invalid('apiUrl is not a URL');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal');
}

function componentError(detail, cause) {
  const isBuilt = existsSync(new URL('./component/plugin.js', import.meta.url));
  if (!isBuilt) detail = 'not built; run `npm run build` in the directory of this package';
  return new FastlyPackageError('component', { detail }, { cause });
}

class AbortError extends Error {
  name = 'AbortError';
  code = 'ABORT_ERR';

  constructor({ reason }) {
    super('The operation was aborted', { cause: reason });
  }
}
