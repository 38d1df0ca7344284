// Runs in the shim's I/O thread, of which each call has one of its own.
import { Socket } from 'node:net';
import { setDefaultHighWaterMark } from 'node:stream';

/** How long an answer may still be read after a write has failed, in ms. */
const GRACE = 1000;

// Node closes a connection when a write fails, with an answer that has arrived unread: it would be lost where the API refuses a package
// and closes.
for (const name of ['_write', '_writev']) {
  const write = Socket.prototype[name];
  Socket.prototype[name] = function (...args) {
    const done = args.pop();
    write.call(this, ...args, (error) => (error ? setTimeout(done, GRACE, error) : done()));
  };
}

// As in Node 22. With the 16 KiB of Node 20 an upload takes twice the time.
setDefaultHighWaterMark(false, 64 * 1024);

export default () => () => {};
