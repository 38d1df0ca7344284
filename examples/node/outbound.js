import * as http from '@bytecodealliance/preview2-shim/http';
import * as io from '@bytecodealliance/preview2-shim/io';
import { random } from '@bytecodealliance/preview2-shim/random';

/** Returns the component's imports, with a `wasi:http` that sends only the request `allowed`, once, with the token. */
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

/** The headers that are sent in addition to the token. The component can't set others, which a server could act on. */
const ALLOWED_HEADERS = new Set(['accept', 'user-agent', 'content-type', 'content-length', 'expect']);

const attach = Symbol('attach');

class OutgoingRequest extends http.types.OutgoingRequest {
  #headers;
  #sent;
  #isBodyTaken = false;
  #isBodyRejected = false;

  constructor(headers) {
    const sent = new SentFields(headers);
    super(sent);
    this.#headers = headers;
    this.#sent = sent;
  }

  // A copy, since WASI's `headers` are immutable.
  headers() {
    return this.#headers.clone();
  }

  body() {
    if (this.#isBodyRejected) throw undefined;
    const body = super.body();
    this.#isBodyTaken = true;
    const write = body.write.bind(body);
    body.write = () => Object.assign(write(), { splice, blockingSplice });
    return body;
  }

  /**
   * Attaches the token and drops other headers. Returns whether the request may be sent: a body without an announced length is denied, since Node
   * sends a PUT without a length in chunks, and the body of a GET without framing, as if it were the next request.
   */
  [attach](token) {
    const hasBody = this.method().tag === 'put';
    this.#isBodyRejected = !hasBody;
    const length = this.#sent.attach(new TextEncoder().encode(token), hasBody);
    return hasBody ? /^\d+$/.test(length) : !this.#isBodyTaken;
  }
}

/** Headers with two views: the component's, and those that the shim sends. */
class SentFields extends http.types.Fields {
  #attached;

  constructor(fields) {
    super();
    for (const [name, value] of fields.entries()) this.append(name, value);
  }

  entries() {
    return this.#attached ?? super.entries();
  }

  /** Returns the value of `Content-Length`. */
  attach(token, hasBody) {
    const first = new Map();
    for (const [name, value] of super.entries()) {
      const key = name.toLowerCase();
      if (ALLOWED_HEADERS.has(key) && !first.has(key)) first.set(key, value);
    }
    const length = new TextDecoder().decode(first.get('content-length'));
    if (!hasBody) first.delete('content-length');
    this.#attached = [...first, ['Fastly-Key', token]];
    return length;
  }
}

/** Replaces the shim's `splice`, which fails for a stream that is not the shim's. */
function splice(source, length) {
  const permit = this.checkWrite();
  const bytes = source.read(permit < length ? permit : length);
  if (bytes.length > 0) this.write(bytes);
  return BigInt(bytes.length);
}

/** Replaces the shim's `blockingSplice`, which continues beyond the announced length. */
function blockingSplice(source, length) {
  source.subscribe().block();
  this.subscribe().block();
  return this.splice(source, length);
}

/** Replaces the shim's `httpErrorCode`, which returns Node's error instead of an error-code if a response is truncated. */
function httpErrorCode(error) {
  return error.payload?.tag === undefined ? undefined : error.payload;
}
