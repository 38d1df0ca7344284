import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { call } from '../call.js';
import { instantiate } from '../component/plugin.js';
import { imports } from '../outbound.js';
import { allowedRequest } from '../egress.js';
import { getPackage, putPackage } from '../index.js';
import { emulator } from './emulator.js';
import { server } from './server.js';

const { apiUrl, token } = await emulator();
const target = { serviceId: 'demo', version: 1 };
const path = '/service/demo/version/1/package';

test('the token is not in the memory of the component', async () => {
  const secret = 'a token of which the end is looked for'.replaceAll(' ', '-');
  const memories = [];
  const { packageApi } = instantiate(
    (name) => new WebAssembly.Module(readFileSync(new URL(`../component/${name}`, import.meta.url))),
    imports(allowedRequest('get', new URL(apiUrl), target), secret),
    (module, imports) => {
      const instance = new WebAssembly.Instance(module, imports);
      memories.push(...Object.values(instance.exports).filter((value) => value instanceof WebAssembly.Memory));
      return instance;
    },
  );
  const request = { auth: { tag: 'host' }, apiUrl, userAgent: 'a user agent of which the end is found' };
  assert.throws(() => packageApi.getPackage({ serviceId: 'demo', versionId: 1 }, request), ({ payload }) => payload.val.status === 401);
  const memory = Buffer.concat(memories.map(({ buffer }) => Buffer.from(buffer)));
  // The end, since the allocator overwrites the beginning of freed memory.
  assert(memory.includes('the end is found'));
  assert(!memory.includes('is-looked-for'));
});

test('the token is not in the headers that the component sees, and replaces the component\'s', async (t) => {
  const { apiUrl, received: head } = await listener(t);
  const outbound = outboundTo(apiUrl);
  const request = outbound.request({ headers: [['fastly-key', 'its-own']] });
  outbound.handle(request);
  const decoder = new TextDecoder();
  assert.deepEqual(request.headers().entries().map(([name, value]) => [name, decoder.decode(value)]), [['fastly-key', 'its-own']]);
  assert.match(await head, /^fastly-key: secret\r$/im);
  assert.doesNotMatch(await head, /its-own/);
});

const unsafe = [
  'x-http-method-override',
  'x-forwarded-host',
  'cookie',
  'authorization',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
  'te',
  'trailer',
];
const known = ['accept', 'user-agent', 'content-type', 'expect'];

test('headers that a server could act on are not sent with the token, and none is sent twice', { timeout: 10_000 }, async (t) => {
  const unknown = unsafe.map((name) => [name, 'x']);
  const twice = known.flatMap((name) => [[name, `${name}-1`], [name.toUpperCase(), `${name}-2`]]);
  const lengths = [['Content-Length', '4'], ['content-length', '5']];
  const expected = [...known.map((name) => `${name}: ${name}-1`), 'fastly-key: secret'];
  for (const [method, length] of [['get', []], ['put', ['content-length: 4']]]) {
    const { apiUrl, received } = await listener(t);
    const outbound = outboundTo(apiUrl, method);
    outbound.handle(outbound.request({ headers: [...unknown, ...twice, ...lengths] }));
    const [, ...lines] = (await received).split('\r\n\r\n')[0].toLowerCase().split('\r\n');
    const sent = lines.filter((line) => !/^(host|connection):/.test(line));
    assert.deepEqual(sent.sort(), [...expected, ...length].sort(), method);
  }
});

test('a body without a length in digits is denied', async (t) => {
  const { apiUrl } = await server(t, () => {});
  for (const length of [[], ['0x42'], ['-1'], ['4, 4'], ['1e3'], [''], ['4.0'], ['0x4', '4']]) {
    const outbound = outboundTo(apiUrl, 'put');
    const request = outbound.request({ headers: length.map((value) => ['content-length', value]) });
    assert.throws(() => outbound.handle(request), { tag: 'HTTP-request-denied' }, JSON.stringify(length));
  }
});

test('a GET has no body, which could contain another request', async (t) => {
  const { apiUrl } = await server(t, () => {});
  for (const headers of [[], [['content-length', '4']]]) {
    const outbound = outboundTo(apiUrl);
    const before = outbound.request({ headers });
    before.body();
    assert.throws(() => outbound.handle(before), { tag: 'HTTP-request-denied' });
    const after = outbound.request({ headers });
    outbound.handle(after);
    assert.throws(() => after.body(), (error) => error === undefined);
  }
});

test('a body does not continue after its length', { timeout: 10_000 }, async (t) => {
  const { apiUrl, received } = await listener(t, /TTTT/);
  const outbound = outboundTo(apiUrl, 'put');
  const request = outbound.request({ headers: [['content-length', '4'], ['content-length', '4000']] });
  const body = request.body().write();
  outbound.handle(request);
  body.blockingWriteAndFlush(Buffer.from('TTTT'));
  assert.throws(() => body.blockingWriteAndFlush(Buffer.from('POST /tokens HTTP/1.1')));
  assert.doesNotMatch(await received, /tokens/);
});

test('a response that is spliced into the body does not continue after its length', { timeout: 10_000 }, async (t) => {
  let all = '';
  const { apiUrl } = await server(t, (socket) => {
    socket.on('data', (data) => (all += data));
    socket.write('HTTP/1.1 401 Status\r\nContent-Length: 7\r\n\r\n/tokens');
  });
  const outbound = outboundTo(apiUrl, 'put');
  const request = outbound.request({ headers: [['content-length', '4']] });
  const body = request.body().write();
  const future = outbound.handle(request);
  body.blockingWriteAndFlush(Buffer.from('TTTT'));
  let response;
  while (!(response = future.get())) await setTimeout(5);
  const source = response.val.val.consume().stream();
  assert.throws(() => body.blockingSplice(source, 7n));
  await setTimeout(100);
  assert.match(all, /TTTT$/);
});

test('only the request of the call is sent, once', async (t) => {
  const other = await server(t, () => {});
  const { apiUrl } = await server(t, () => {});
  const wrong = [
    { authority: new URL(other.apiUrl).host },
    { authority: '127.0.0.1' },
    { authority: undefined },
    { scheme: { tag: 'HTTPS' } },
    { scheme: undefined },
    { method: { tag: 'put' } },
    { method: { tag: 'other', val: 'get' } },
    { path: `${path}?a=b` },
    { path: '/service/demo/version/2/package' },
    { path: '/tokens/self' },
    { path: undefined },
  ];
  for (const difference of wrong) {
    const outbound = outboundTo(apiUrl);
    assert.throws(() => outbound.handle(outbound.request(difference)), { tag: 'HTTP-request-denied' }, JSON.stringify(difference));
  }
  const outbound = outboundTo(apiUrl);
  outbound.handle(outbound.request({}));
  assert.throws(() => outbound.handle(outbound.request({})), { tag: 'HTTP-request-denied' });
  assert.equal(other.connections, 0);
});

test('nothing is allowed for a service ID that would change the path', () => {
  for (const serviceId of ['', '.', '..']) {
    const allow = () => allowedRequest('get', new URL(apiUrl), { serviceId, version: 1 });
    assert.throws(allow, { kind: 'invalid-argument' }, serviceId);
  }
  assert.equal(allowedRequest('get', new URL(apiUrl), { serviceId: '...', version: 1 }).path, '/service/.../version/1/package');
});

test('the request of a component with another API URL is denied, without a connection', async (t) => {
  const other = await server(t, () => {});
  const api = await server(t, () => {});
  const options = { apiUrl: api.apiUrl, token: 'secret' };
  const denied = { name: 'FastlyPackageError', kind: 'transport', code: 'HTTP-request-denied' };
  await assert.rejects(call('get', target, undefined, options, other.apiUrl), denied);
  await assert.rejects(call('put', target, Buffer.from('content'), options, other.apiUrl), denied);
  assert.equal(other.connections + api.connections, 0);
});

test('the token is not sent over HTTP to another machine', async () => {
  const rejected = { kind: 'invalid-argument', message: /unencrypted/ };
  for (const host of ['api.fastly.com', '192.0.2.1', '128.0.0.1', '127.0.0.1.example.com', 'localhost.example.com', '[::2]']) {
    await assert.rejects(getPackage(target, { apiUrl: `http://${host}`, token: 'secret' }), rejected, host);
  }
  await assert.rejects(getPackage(target, { apiUrl: 'ftp://127.0.0.1', token: 'secret' }), rejected);
});

test('an invalid token and an invalid API URL are rejected', async () => {
  const rejected = { kind: 'invalid-argument' };
  for (const token of ['', 'a b', 'a\r\nb', 'ä']) {
    await assert.rejects(getPackage(target, { apiUrl: 'https://127.0.0.1', token }), rejected);
  }
  for (const apiUrl of ['', 'api.fastly.com', 'http://u:p@127.0.0.1', 'http://127.0.0.1/?a', 'http://127.0.0.1/#a']) {
    await assert.rejects(getPackage(target, { apiUrl, token: 'secret' }), rejected, apiUrl);
  }
});

test('every spelling of the API is the same API', async () => {
  const { port } = new URL(apiUrl);
  for (const spelling of [`HTTP://LocalHost:${port}/`, `http://0x7f.1:${port}//`, `http://127.0.0.1:0${port}`]) {
    await assert.rejects(getPackage(target, { apiUrl: spelling, token }), { kind: 'api', status: 404 });
  }
});

test('an unreachable API is reported', async (t) => {
  const { apiUrl, close } = await server(t, () => {});
  close();
  const options = { apiUrl, token: 'secret' };
  await assert.rejects(getPackage(target, options), { kind: 'transport', code: 'connection-refused' });
  await assert.rejects(putPackage(target, Buffer.alloc(1024 * 1024), options), { kind: 'transport', code: 'connection-refused' });
});

/** Starts a server. `received` resolves to the received text once it matches, by default once it contains a request head. */
async function listener(t, pattern = /\r\n\r\n/) {
  let resolveReceived;
  const received = new Promise((resolve) => (resolveReceived = resolve));
  const { apiUrl } = await server(t, (socket) => {
    let all = '';
    socket.on('data', (data) => pattern.test((all += data)) && resolveReceived(all));
  });
  return { apiUrl, received };
}

function outboundTo(apiUrl, method = 'get') {
  const outbound = imports(allowedRequest(method, new URL(apiUrl), target), 'secret');
  const { Fields, OutgoingRequest } = outbound['wasi:http/types'];
  const allowed = { method: { tag: method }, scheme: { tag: 'HTTP' }, authority: new URL(apiUrl).host, path, headers: [] };
  function request(difference) {
    const { method, scheme, authority, path, headers } = { ...allowed, ...difference };
    const request = new OutgoingRequest(Fields.fromList(headers.map(([name, value]) => [name, Buffer.from(value)])));
    request.setMethod(method);
    request.setScheme(scheme);
    request.setAuthority(authority);
    request.setPathWithQuery(path);
    return request;
  }
  return { request, handle: outbound['wasi:http/outgoing-handler'].handle };
}
