// Runs in the shim's I/O thread. Each call has its own.
import { Socket } from 'node:net';
import { setDefaultHighWaterMark } from 'node:stream';

/** How long a response can still be read after a write failed, in ms. */
const GRACE = 1000;

// Node closes a connection when a write fails. Without the delay, an unread response would be lost if the API rejects a package and closes the
// connection.
for (const name of ['_write', '_writev']) {
  const write = Socket.prototype[name];
  Socket.prototype[name] = function (...args) {
    const done = args.pop();
    write.call(this, ...args, (error) => (error ? setTimeout(done, GRACE, error) : done()));
  };
}

// The default of Node 22. With Node 20's default of 16 KiB, an upload takes twice as long.
setDefaultHighWaterMark(false, 64 * 1024);

export default () => () => {};
