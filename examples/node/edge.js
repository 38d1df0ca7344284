import * as http from '@bytecodealliance/preview2-shim/http';
import * as io from '@bytecodealliance/preview2-shim/io';
import { random } from '@bytecodealliance/preview2-shim/random';

/** The component's imports: `wasi:http` that lets `allowed` out once, with the token, and nothing else. */
export function imports(allowed, token) {
  let sent = false;

  function isAllowed(request) {
    return (
      !sent &&
      request.method().tag === allowed.method &&
      request.scheme()?.tag === allowed.protocol.slice(0, -1).toUpperCase() &&
      request.authority() === allowed.host &&
      request.pathWithQuery() === allowed.path
    );
  }

  function handle(request, options) {
    if (!isAllowed(request) || !request[attach](token)) throw { tag: 'HTTP-request-denied' };
    sent = true;
    return http.outgoingHandler.handle(request, options);
  }

  return {
    'wasi:http/outgoing-handler': { handle },
    'wasi:http/types': { ...http.types, OutgoingRequest, httpErrorCode },
    'wasi:io/error': io.error,
    'wasi:io/poll': io.poll,
    'wasi:io/streams': io.streams,
    'wasi:random/random': random,
  };
}

/** What a request may have beside the token: the rest of what a server could obey is not the component's to say. */
const HEADERS = new Set(['accept', 'user-agent', 'content-type', 'content-length', 'expect']);

const attach = Symbol('attach');

class OutgoingRequest extends http.types.OutgoingRequest {
  #seen;
  #sent;
  #bodyTaken = false;
  #bodyRefused = false;

  constructor(headers) {
    const sent = new SentFields(headers);
    super(sent);
    this.#seen = headers;
    this.#sent = sent;
  }

  // A copy, since what a request's `headers` gives can't change the request.
  headers() {
    return this.#seen.clone();
  }

  body() {
    if (this.#bodyRefused) throw undefined;
    const body = super.body();
    this.#bodyTaken = true;
    const write = body.write.bind(body);
    body.write = () => Object.assign(write(), { splice, blockingSplice });
    return body;
  }

  /**
   * Whether the request may have the token. Other headers are dropped, but where the body would have no end that is announced the request
   * is denied: Node sends a PUT without a length in chunks, and the body of a GET bare, as if it were the next request.
   */
  [attach](token) {
    const hasBody = this.method().tag === 'put';
    this.#bodyRefused = !hasBody;
    const length = this.#sent.attach(new TextEncoder().encode(token), hasBody);
    return hasBody ? /^\d+$/.test(length) : !this.#bodyTaken;
  }
}

/** Headers of which the shim, when it sends them, sees others than the component. */
class SentFields extends http.types.Fields {
  #attached;

  constructor(fields) {
    super();
    for (const [name, value] of fields.entries()) this.append(name, value);
  }

  entries() {
    return this.#attached ?? super.entries();
  }

  /** Gives the length of the body. */
  attach(token, hasBody) {
    const first = new Map();
    for (const [name, value] of super.entries()) {
      const key = name.toLowerCase();
      if (HEADERS.has(key) && !first.has(key)) first.set(key, value);
    }
    const length = new TextDecoder().decode(first.get('content-length'));
    if (!hasBody) first.delete('content-length');
    this.#attached = [...first, ['Fastly-Key', token]];
    return length;
  }
}

/** In place of the shim's `splice`, which can't get at a stream's number. */
function splice(source, length) {
  const permit = this.checkWrite();
  const bytes = source.read(permit < length ? permit : length);
  if (bytes.length > 0) this.write(bytes);
  return BigInt(bytes.length);
}

/** In place of the shim's, which goes on after the announced length. */
function blockingSplice(source, length) {
  source.subscribe().block();
  this.subscribe().block();
  return this.splice(source, length);
}

/** The shim's own gives Node's error, which isn't an error-code, where an answer is cut off. */
function httpErrorCode(error) {
  return error.payload?.tag === undefined ? undefined : error.payload;
}
