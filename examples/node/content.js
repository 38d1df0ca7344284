import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { error, streams } from '@bytecodealliance/preview2-shim/io';
import { receiveMessageOnPort } from 'node:worker_threads';

/** How long a read waits for the source, in ms: until then nobody looks whether the API has answered already. */
const PATIENCE = 20;
/** One chunk is read here while the other thread gets the next. */
const CHUNKS_AHEAD = 2;

/** The package as `wasi:io`'s input-stream, fed by `feed` in the main thread. */
export class Content extends streams.InputStream {
  #port;
  #turn;
  #chunk = new Uint8Array();
  #read = 0;

  constructor({ port, turn }) {
    super();
    this.#port = port;
    this.#turn = turn;
    for (let i = 0; i < CHUNKS_AHEAD; i++) this.#ask();
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
    // A slice, not a subarray: the shim posts it to another thread, and would post all that is behind a subarray.
    const bytes = this.#chunk.slice(0, Number(length));
    this.#chunk = this.#chunk.subarray(bytes.length);
    this.#read += bytes.length;
    if (this.#chunk.length === 0) this.#ask();
    return bytes;
  }

  // Pollables are the shim's, and none of them knows of this stream: it is always worth a try, and `read` waits.
  subscribe() {
    return monotonicClock.subscribeDuration(0n);
  }

  #ask() {
    this.#port.postMessage(this.#read);
  }

  #receive() {
    for (;;) {
      const turn = Atomics.load(this.#turn, 0);
      const received = receiveMessageOnPort(this.#port);
      if (received) return received.message;
      if (Atomics.wait(this.#turn, 0, turn, PATIENCE) === 'timed-out') return undefined;
    }
  }
}
