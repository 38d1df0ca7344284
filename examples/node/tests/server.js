import { once } from 'node:events';
import { createServer } from 'node:net';

/** A server that gives each connection to `serve`, for what no HTTP library would do. */
export async function server(test, serve) {
  const server = createServer((socket) => {
    served.connections++;
    socket.on('error', () => {});
    serve(socket);
  });
  const served = { connections: 0 };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  test.after(() => server.close());
  served.apiUrl = `http://127.0.0.1:${server.address().port}`;
  return served;
}
