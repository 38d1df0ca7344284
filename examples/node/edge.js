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
    if (!isAllowed(request)) throw { tag: 'HTTP-request-denied' };
    sent = true;
    request[attach](token);
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

const attach = Symbol('attach');

class OutgoingRequest extends http.types.OutgoingRequest {
  #seen;
  #sent;

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
    const body = super.body();
    const write = body.write.bind(body);
    body.write = () => Object.assign(write(), { splice });
    return body;
  }

  [attach](token) {
    this.#sent.token = new TextEncoder().encode(token);
  }
}

/** Headers of which the shim, when it sends them, sees one more than the component. */
class SentFields extends http.types.Fields {
  token;

  constructor(fields) {
    super();
    for (const [name, value] of fields.entries()) this.append(name, value);
  }

  entries() {
    const entries = super.entries();
    if (!this.token) return entries;
    return [...entries.filter(([name]) => name.toLowerCase() !== 'fastly-key'), ['Fastly-Key', this.token]];
  }
}

/** In place of the shim's `splice`, which can't get at a stream's number. */
function splice(source, length) {
  const permit = this.checkWrite();
  const bytes = source.read(permit < length ? permit : length);
  if (bytes.length > 0) this.write(bytes);
  return BigInt(bytes.length);
}

/** The shim's own gives Node's error, which isn't an error-code, where an answer is cut off. */
function httpErrorCode(error) {
  return error.payload?.tag === undefined ? undefined : error.payload;
}
