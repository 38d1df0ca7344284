import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isAnyArrayBuffer, isUint8Array } from 'node:util/types';
import { FastlyPackageError, invalid } from './error.js';

const CHUNK = 64 * 1024;

/** Converts a stream of any kind to a Readable. Returns other sources unchanged. */
export function asReadable(source) {
  if (source instanceof Readable || typeof source?.[Symbol.asyncIterator] !== 'function') return source;
  if (!(source instanceof ReadableStream)) return Readable.from(source);
  if (source.locked) throw invalid('the stream is locked to another reader');
  // The stream's own iterator can't be cancelled while it waits for a chunk.
  return Readable.fromWeb(source, { objectMode: true });
}

/** Opens a path, bytes or a Readable. Returns its chunks and the size to announce. */
export async function openSource(source, size) {
  if (typeof source === 'string' || source instanceof URL) return openFile(source, size);
  if (source instanceof Readable) return openStream(source, size);
  if (source instanceof Blob) return openStream(asReadable(source.stream()), size ?? source.size);
  const bytes = isAnyArrayBuffer(source) ? new Uint8Array(source) : source;
  if (!isUint8Array(bytes)) throw invalid('source is not a path, bytes or a stream of bytes');
  return { chunks: slices(bytes), size: checkSize(size ?? bytes.length), close() {} };
}

async function openFile(path, size) {
  let file;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer. A caller can open it as a Readable.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    // Not closed automatically at its end: `unmodified` checks the file again there.
    const stream = file.createReadStream({ highWaterMark: CHUNK, autoClose: false });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const { chunks, ...opened } = openStream(stream, size ?? Number(stat.size));
    return { ...opened, chunks: unmodified(chunks, file, stat), close: () => (stream.destroy(), closed) };
  } catch (cause) {
    await file?.close();
    if (cause instanceof FastlyPackageError) throw cause;
    throw new FastlyPackageError('content', { code: 'failed', detail: cause.message }, { cause });
  }
}

/** Yields the chunks of a file. Fails before the last chunk if the file was modified since it was opened. */
async function* unmodified(chunks, file, { size, mtimeNs }) {
  for await (const chunk of chunks) {
    const now = await file.stat({ bigint: true });
    if (now.size !== size || now.mtimeNs !== mtimeNs) throw new Error('the file was modified while it was read');
    yield chunk;
  }
}

/** Destroys a source that is a stream. */
export function destroySource(source) {
  if (!(source instanceof Readable)) return;
  // A later error without a listener would end the process.
  source.on('error', () => {});
  source.destroy();
}

function openStream(stream, size) {
  // An error before the first chunk is requested would have no listener and end the process.
  stream.on('error', () => {});
  try {
    if (size === undefined) throw invalid('the size of a stream is unknown: set options.size, in bytes');
    return { chunks: stream[Symbol.asyncIterator](), size: checkSize(size), close: () => stream.destroy() };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function* slices(bytes) {
  for (let start = 0; start < bytes.length; start += CHUNK) yield bytes.subarray(start, start + CHUNK);
}

/** Responds to each message of a `Content`, which contains the number of bytes read, with the next chunk. */
export function feed(chunks, port, sequence, onRead) {
  port.on('message', async (read) => {
    onRead(read);
    const message = await next(chunks);
    port.postMessage(message, message.chunk ? [message.chunk.buffer] : []);
    Atomics.add(sequence, 0, 1);
    Atomics.notify(sequence, 0);
  });
}

async function next(chunks) {
  try {
    const { done, value } = await chunks.next();
    if (done) return { end: true };
    if (!isUint8Array(value)) throw new TypeError('the stream contains a chunk that is not bytes');
    // A copy, which can be transferred to the other thread without detaching the caller's buffer.
    return { chunk: new Uint8Array(value) };
  } catch (error) {
    return { failed: String(error?.message ?? error) };
  }
}

function checkSize(size) {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw invalid('size is not a number of bytes');
}
