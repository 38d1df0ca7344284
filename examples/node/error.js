/** What the WIT's `error` says, as an exception: `kind` is its case, the other fields are the case's payload. */
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

/** The payload of an error-code or content-error: a text for people, a length or a record. */
function payload(val) {
  if (val === undefined) return {};
  return typeof val === 'string' ? { detail: val } : { payload: val };
}

function message(kind, { status, code, reason, title, detail }) {
  const what = {
    'invalid-argument': 'invalid argument',
    content: `the package was not sent whole (${code})`,
    transport: `the API was not reached, or the connection was lost (${code})`,
    api: `the API answered ${status}`,
    'unexpected-response': `unexpected answer with status ${status} (${reason})`,
  };
  return [what[kind], title, detail].filter(Boolean).join(': ');
}
