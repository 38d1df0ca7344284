import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { error, streams } from '@bytecodealliance/preview2-shim/io';
import { receiveMessageOnPort } from 'node:worker_threads';

/** How long a read waits for the source, in ms. The component checks for an early response only between reads. */
const READ_TIMEOUT = 20;
/** The number of requested chunks: the main thread reads one while the component sends the other. */
const READ_AHEAD = 2;

/** The package as a `wasi:io` input-stream, fed by `feed` in the main thread. */
export class Content extends streams.InputStream {
  #port;
  #sequence;
  #chunk = new Uint8Array();
  #read = 0;

  constructor({ port, sequence }) {
    super();
    this.#port = port;
    this.#sequence = sequence;
    for (let i = 0; i < READ_AHEAD; i++) this.#request();
  }

  read(length) {
    if (length === 0n) return new Uint8Array();
    if (this.#chunk.length === 0) {
      const message = this.#receive();
      if (!message) return new Uint8Array();
      if (message.end) throw { tag: 'closed' };
      if (message.failed !== undefined) throw { tag: 'last-operation-failed', val: new error.Error(message.failed) };
      this.#chunk = message.chunk;
    }
    // A slice, not a subarray: the shim posts it to another thread, and would post the whole buffer of a subarray.
    const bytes = this.#chunk.slice(0, Number(length));
    this.#chunk = this.#chunk.subarray(bytes.length);
    this.#read += bytes.length;
    if (this.#chunk.length === 0) this.#request();
    return bytes;
  }

  // The shim's pollables can't wait for this stream, so it is always ready, and `read` waits.
  subscribe() {
    return monotonicClock.subscribeDuration(0n);
  }

  #request() {
    this.#port.postMessage(this.#read);
  }

  #receive() {
    for (;;) {
      const sequence = Atomics.load(this.#sequence, 0);
      const received = receiveMessageOnPort(this.#port);
      if (received) return received.message;
      if (Atomics.wait(this.#sequence, 0, sequence, READ_TIMEOUT) === 'timed-out') return undefined;
    }
  }
}
