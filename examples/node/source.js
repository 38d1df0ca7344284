import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isAnyArrayBuffer, isUint8Array } from 'node:util/types';
import { FastlyPackageError, invalid } from './error.js';

const CHUNK = 64 * 1024;

/** A stream of any kind as a Readable, anything else as it is. */
export function asReadable(source) {
  if (source instanceof Readable || typeof source?.[Symbol.asyncIterator] !== 'function') return source;
  if (!(source instanceof ReadableStream)) return Readable.from(source);
  if (source.locked) throw invalid('the stream is locked: something else reads it');
  // Its iterator couldn't be ended while it waits for a chunk.
  return Readable.fromWeb(source, { objectMode: true });
}

/** A path, bytes or a Readable as chunks, with the size to announce. */
export async function openSource(source, size) {
  if (typeof source === 'string' || source instanceof URL) return openFile(source, size);
  if (source instanceof Readable) return openStream(source, size);
  if (source instanceof Blob) return openStream(asReadable(source.stream()), size ?? source.size);
  const bytes = isAnyArrayBuffer(source) ? new Uint8Array(source) : source;
  if (!isUint8Array(bytes)) throw invalid('source is neither a path nor bytes nor a stream of them');
  return { chunks: slices(bytes), size: checked(size ?? bytes.length), close() {} };
}

async function openFile(path, size) {
  let file;
  try {
    // A FIFO would be waited for until somebody writes to it. It can come as a Readable, whose opening is the caller's.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    // Not at its end: there it is looked at once more.
    const stream = file.createReadStream({ highWaterMark: CHUNK, autoClose: false });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const { chunks, ...opened } = openStream(stream, size ?? Number(stat.size));
    return { ...opened, chunks: unwritten(chunks, file, stat), close: () => (stream.destroy(), closed) };
  } catch (cause) {
    await file?.close();
    if (cause instanceof FastlyPackageError) throw cause;
    throw new FastlyPackageError('content', { code: 'failed', detail: cause.message }, { cause });
  }
}

/** The chunks of a file, of which the last doesn't go on if it has been written to since it was opened. */
async function* unwritten(chunks, file, { size, mtimeNs }) {
  for await (const chunk of chunks) {
    const now = await file.stat({ bigint: true });
    if (now.size !== size || now.mtimeNs !== mtimeNs) throw new Error('the file was written to while it was read');
    yield chunk;
  }
}

/** Destroys a source that is a stream. */
export function discard(source) {
  if (!(source instanceof Readable)) return;
  // An error that comes after this would have no listener, and end the process.
  source.on('error', () => {});
  source.destroy();
}

function openStream(stream, size) {
  // An error before the first chunk is asked for would have no listener, and end the process.
  stream.on('error', () => {});
  try {
    if (size === undefined) throw invalid('the source has no size of its own: give options.size, in bytes');
    return { chunks: stream[Symbol.asyncIterator](), size: checked(size), close: () => stream.destroy() };
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function* slices(bytes) {
  for (let start = 0; start < bytes.length; start += CHUNK) yield bytes.subarray(start, start + CHUNK);
}

/** Answers each message of a `Content`, which says how many bytes were read, with the next chunk. */
export function feed(chunks, port, turn, onRead) {
  port.on('message', async (read) => {
    onRead(read);
    const message = await next(chunks);
    port.postMessage(message, message.chunk ? [message.chunk.buffer] : []);
    Atomics.add(turn, 0, 1);
    Atomics.notify(turn, 0);
  });
}

async function next(chunks) {
  try {
    const { done, value } = await chunks.next();
    if (done) return { end: true };
    if (!isUint8Array(value)) throw new TypeError('the stream gives something other than bytes');
    // A copy that can be moved to the other thread: the caller's bytes stay the caller's.
    return { chunk: new Uint8Array(value) };
  } catch (error) {
    return { failed: String(error?.message ?? error) };
  }
}

function checked(size) {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw invalid('size is not a number of bytes');
}
