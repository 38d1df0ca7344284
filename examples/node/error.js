/**
 * The WIT's `error` as an exception: `kind` is its case, and the other fields are the case's payload. The kind `component` is not in the WIT: the
 * component failed without a result.
 */
export class FastlyPackageError extends Error {
  constructor(kind, fields, options) {
    super(message(kind, fields), options);
    this.kind = kind;
    Object.assign(this, fields);
  }

  get name() {
    return 'FastlyPackageError';
  }

  /** Converts the payload that a function of the component fails with. */
  static fromComponent({ tag, val }) {
    switch (tag) {
      case 'invalid-argument':
        return new FastlyPackageError(tag, { detail: val });
      case 'content':
      case 'transport':
        return new FastlyPackageError(tag, { code: val.tag, ...payload(val.val) });
      default:
        return new FastlyPackageError(tag, val);
    }
  }
}

export function invalid(detail) {
  return new FastlyPackageError('invalid-argument', { detail });
}

/** Converts the payload of an error-code or content-error: a message, a number or a record. */
function payload(val) {
  if (val === undefined) return {};
  return typeof val === 'string' ? { detail: val } : { payload: val };
}

function message(kind, { status, code, reason, title, detail, payload }) {
  const messages = {
    'invalid-argument': 'invalid argument',
    content: `the package could not be sent completely (${code})`,
    transport: `can't connect to the API, or connection lost (${code})`,
    api: `the API responded with ${status}`,
    component: 'the component could not be loaded, or trapped',
    'unexpected-response': `unexpected response with status ${status} (${reason})`,
  };
  const ended = code === 'too-short' && `it ended after ${payload} bytes`;
  return [messages[kind], title, detail, ended].filter(Boolean).join(': ');
}
