/** One version of one service. */
export interface Target {
  serviceId: string;
  /** From 1 to 2147483647. */
  version: number;
}

export interface GetOptions {
  /** Default: the environment's FASTLY_API_TOKEN. It goes over https, or over http to this machine, and nowhere else. */
  token?: string | undefined;
  /** The API's base. Default: the environment's FASTLY_API_ENDPOINT, else https://api.fastly.com. */
  apiUrl?: string | URL | undefined;
  /** Default: the component's own name and version. */
  userAgent?: string | undefined;
  /**
   * Cancels the call: the connection is closed, and the promise rejects with an `AbortError` whose `cause` is the signal's reason. One signal
   * may be for many calls. A package whose last bytes had been sent may be stored: ask with `getPackage`.
   */
  signal?: AbortSignal | undefined;
}

export interface PutOptions extends GetOptions {
  /**
   * How many bytes to announce. Default: the length of the file or the bytes. A stream needs it. Content of another length fails with
   * kind `content`.
   */
  size?: number | undefined;
  /** Sends `Expect: 100-continue`; the body doesn't wait for the 100. Default: false. */
  expectContinue?: boolean | undefined;
  /** The file name in the multipart form. Default: package.tar.gz. */
  filename?: string | undefined;
  /**
   * Called as the package is read, which doesn't wait for what it returns. What it throws, or a promise from it rejects with before the call
   * has ended, ends the call, which rejects with it.
   */
  onProgress?: ((read: number, size: number) => unknown) | undefined;
}

/** Gets the package of a service version. */
export function getPackage(target: Target, options?: GetOptions): Promise<Reply>;

/**
 * Uploads a package to a service version, in place of the one that it has.
 *
 * Whether it is stored is not known after an abort, after what `onProgress` has thrown, and after an error of kind `transport`,
 * `unexpected-response` or `component`: ask with `getPackage`.
 */
export function putPackage(target: Target, source: Source, options?: PutOptions): Promise<Reply>;

/**
 * The `.tar.gz`: the path or the `file:` URL of a regular file, the bytes, or a stream of them, such as a `Readable`, a web `ReadableStream` or
 * an async generator. A stream is read or destroyed whatever the outcome. A FIFO or a device is given as a stream; as a path it fails with
 * kind `content`.
 */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>;

/**
 * A successful answer: the `reply` of `wit/package-api.wit`, where each field is documented. What is `none` there isn't here. A number beyond
 * 2^53 is rounded.
 */
export interface Reply {
  package: {
    id: string;
    serviceId: string;
    version: number;
    createdAt?: string;
    updatedAt?: string;
    deletedAt?: string;
    metadata?: {
      name?: string;
      description?: string;
      authors?: string[];
      language?: string;
      size?: number;
      hashsum?: string;
      filesHash?: string;
      clonedFrom?: string;
      wasmMetadata?: string;
    };
  };
  rateLimit?: RateLimit;
  /** The JSON as it came. */
  body: string;
}

export interface RateLimit {
  remaining?: number;
  /** Seconds since 1970-01-01 UTC. */
  reset?: number;
  retryAfter?: string;
}

/** Every failure but an abort: the `error` of `wit/package-api.wit`, and `component`. */
export type FastlyPackageError =
  | InvalidArgumentError
  | ContentError
  | TransportError
  | ApiError
  | UnexpectedResponseError
  | ComponentError;

/** For `instanceof`: nobody but this package makes one. */
export const FastlyPackageError: {
  readonly prototype: FastlyPackageError;
  [Symbol.hasInstance](value: unknown): value is FastlyPackageError;
};

interface Failure extends Error {
  readonly name: 'FastlyPackageError';
  /** For people to read. */
  readonly detail?: string;
}

/** Nothing was sent. */
export interface InvalidArgumentError extends Failure {
  readonly kind: 'invalid-argument';
  readonly detail: string;
}

/**
 * The package couldn't be read, isn't as long as announced, or is a file that was written to since it was opened by its path. The API has stored
 * nothing.
 */
export interface ContentError extends Failure {
  readonly kind: 'content';
  readonly code: 'failed' | 'too-short' | 'too-long';
  /** Of `too-short`: after how many bytes. */
  readonly payload?: number;
}

/** The API wasn't reached, the connection was lost, or the edge denied the request. An upload may be stored: ask with `getPackage`. */
export interface TransportError extends Failure {
  readonly kind: 'transport';
  /** The name of a wasi:http error-code, such as `connection-refused`. */
  readonly code: string;
  /** Of some codes: a number or a record. */
  readonly payload?: unknown;
}

/** The API said no. */
export interface ApiError extends Failure {
  readonly kind: 'api';
  /** The HTTP status. */
  readonly status: number;
  readonly title?: string;
  readonly errors: ApiErrorEntry[];
  readonly rateLimit?: RateLimit;
  readonly mediaType?: string;
  /** The answer's beginning. */
  readonly excerpt: string;
}

/** Not an answer of the API. An upload may be stored: ask with `getPackage`. */
export interface UnexpectedResponseError extends Failure {
  readonly kind: 'unexpected-response';
  readonly reason: 'status' | 'premature' | 'too-large' | 'not-a-package';
  /** The HTTP status. */
  readonly status: number;
  readonly detail: string;
  readonly location?: string;
  readonly mediaType?: string;
  /** The answer's beginning. */
  readonly excerpt: string;
}

/**
 * The component wasn't loaded, because it isn't built (`npm run build`), or it broke off, by a trap or for want of memory. In the latter case an
 * upload may be stored: ask with `getPackage`.
 */
export interface ComponentError extends Failure {
  readonly kind: 'component';
  readonly detail: string;
}

/** One entry of an error body's `errors`. */
export interface ApiErrorEntry {
  id?: string;
  code?: string;
  status?: string;
  title?: string;
  detail?: string;
  index?: number;
  /** Anything else, as JSON text. */
  meta?: string;
}
