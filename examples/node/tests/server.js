import { once } from 'node:events';
import { createServer } from 'node:net';

/** Starts a server that passes each connection to `serve`, for responses that no HTTP library would send. */
export async function server(test, serve) {
  const sockets = [];
  const server = createServer((socket) => {
    served.connections++;
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const served = { connections: 0, close };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  test.after(close);
  served.apiUrl = `http://127.0.0.1:${server.address().port}`;
  return served;
}
