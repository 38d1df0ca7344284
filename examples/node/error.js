/**
 * What the WIT's `error` says, as an exception: `kind` is its case, the other fields are the case's payload. `component` is not of the WIT:
 * then the component said nothing.
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

  /** From the payload that a function of the component fails with. */
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

/** The payload of an error-code or content-error: a text for people, a number or a record. */
function payload(val) {
  if (val === undefined) return {};
  return typeof val === 'string' ? { detail: val } : { payload: val };
}

function message(kind, { status, code, reason, title, detail, payload }) {
  const what = {
    'invalid-argument': 'invalid argument',
    content: `the package was not sent whole (${code})`,
    transport: `the API was not reached, or the connection was lost (${code})`,
    api: `the API answered ${status}`,
    component: 'the component was not loaded, or broke off',
    'unexpected-response': `unexpected answer with status ${status} (${reason})`,
  };
  const ended = code === 'too-short' && `it ended after ${payload} bytes`;
  return [what[kind], title, detail, ended].filter(Boolean).join(': ');
}
