import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { getPackage, putPackage } from '../index.js';
import { server } from './server.js';

const target = { serviceId: 'demo', version: 1 };
const MB = 1_000_000;
const bytes = Buffer.alloc(20 * MB);

const response = (status, body, length = body.length) =>
  `HTTP/1.1 ${status} Status\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
const rejection = '{"msg":"Refused"}';
const reply = '{"id":"i","service_id":"demo","version":1}';

/** Reads that many bytes, then stops reading and calls `then` to respond. */
const after = (count, then) => (socket) => {
  socket.on('data', (data) => {
    if (count <= 0) return;
    count -= data.length;
    if (count > 0) return;
    socket.pause();
    then(socket);
  });
};

const endings = {
  'stays open': () => {},
  'is half closed': (socket) => socket.end(),
  'is closed': (socket) => socket.destroySoon(),
  'is reset': (socket) => setImmediate(() => socket.resetAndDestroy()),
};
for (const [status, count] of [[401, 1], [413, 1], [401, 5 * MB], [413, 5 * MB]]) {
  for (const [ending, end] of Object.entries(endings)) {
    test(`${status} after ${count} bytes is the result if the connection ${ending}`, { timeout: 10_000 }, async (t) => {
      const { apiUrl } = await server(t, after(count, (socket) => end(socket.write(response(status, rejection)) && socket)));
      const put = putPackage(target, bytes, { apiUrl, token: 'T' });
      await assert.rejects(put, { kind: 'api', status, title: 'Refused' });
    });
  }
}

test('401 is the result while the source has no data', { timeout: 10_000 }, async (t) => {
  const { apiUrl } = await server(t, after(1, (socket) => socket.write(response(401, rejection))));
  const source = new Readable({ read() {} });
  await assert.rejects(putPackage(target, source, { apiUrl, token: 'T', size: 1000 }), { kind: 'api', status: 401 });
  assert(source.destroyed);
});

test('a success before the package was sent is an error', { timeout: 10_000 }, async (t) => {
  const { apiUrl } = await server(t, after(1, (socket) => socket.write(response(200, reply))));
  await assert.rejects(putPackage(target, bytes, { apiUrl, token: 'T' }), {
    kind: 'unexpected-response',
    status: 200,
    reason: 'premature',
  });
});

const faults = {
  'a connection that is closed': [(socket) => socket.end(), { kind: 'transport', code: 'HTTP-protocol-error' }],
  'a connection that is reset': [(socket) => socket.resetAndDestroy(), { kind: 'transport', code: 'HTTP-protocol-error' }],
  'a truncated response': [(socket) => socket.end(response(200, reply, 100)), { kind: 'transport', code: 'HTTP-response-incomplete' }],
  'a response that is not HTTP': [(socket) => socket.end('what?\r\n\r\n'), { kind: 'transport', code: 'internal-error' }],
  'a response over 1 MiB': [(socket) => socket.end(response(200, ' '.repeat(2 * MB))), { kind: 'unexpected-response', reason: 'too-large' }],
  'a redirect': [(socket) => socket.end(response(302, '')), { kind: 'unexpected-response', status: 302, reason: 'status' }],
  'a package of another version': [
    (socket) => socket.end(response(200, reply.replace('1', '9'))),
    { kind: 'unexpected-response', reason: 'invalid-body', detail: 'it describes version 9 of the service demo' },
  ],
  'JSON that is not a package': [(socket) => socket.end(response(200, '[]')), { kind: 'unexpected-response', reason: 'invalid-body' }],
};
for (const [name, [then, expected]] of Object.entries(faults)) {
  test(`${name} is reported, and nothing hangs`, { timeout: 10_000 }, async (t) => {
    const { apiUrl } = await server(t, after(1, then));
    await assert.rejects(getPackage(target, { apiUrl, token: 'T' }), expected);
  });
}

test('an abort closes the connection of a call that waits for its response', { timeout: 10_000 }, async (t) => {
  const closed = [];
  const abort = new AbortController();
  const { apiUrl } = await server(t, (socket) => {
    closed.push(new Promise((resolve) => socket.on('close', resolve)));
    socket.once('data', () => abort.abort());
  });
  await assert.rejects(getPackage(target, { apiUrl, token: 'T', signal: abort.signal }), { name: 'AbortError' });
  assert.equal(closed.length, 1);
  await closed[0];
});

test('all fields of an error can be serialized as JSON', async (t) => {
  const body = '{"errors":[{"title":"Slow down","index":3}]}';
  const limits = 'Fastly-RateLimit-Remaining: 0\r\nFastly-RateLimit-Reset: 4102444800\r\nContent-Type';
  const { apiUrl } = await server(t, after(1, (socket) => socket.end(response(429, body).replace('Content-Type', limits))));
  await assert.rejects(getPackage(target, { apiUrl, token: 'T' }), (error) => {
    const { rateLimit, errors } = JSON.parse(JSON.stringify(error));
    assert.deepEqual([rateLimit, errors], [{ remaining: 0, reset: 4102444800 }, [{ title: 'Slow down', index: 3 }]]);
    return true;
  });
});

test('informational responses are skipped', { timeout: 10_000 }, async (t) => {
  const informational = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n';
  const { apiUrl } = await server(t, after(1, (socket) => socket.end(informational + response(200, reply))));
  assert.equal((await getPackage(target, { apiUrl, token: 'T' })).body, reply);
});
