/** A version of a service. */
export interface Target {
  serviceId: string;
  /** From 1 to 2147483647. */
  version: number;
}

export interface GetOptions {
  /** The API token. Default: the environment variable FASTLY_API_TOKEN. It is sent only over HTTPS, or over HTTP to a loopback address. */
  token?: string | undefined;
  /** The API's base URL. Default: the environment variable FASTLY_API_ENDPOINT, or else https://api.fastly.com. */
  apiUrl?: string | URL | undefined;
  /** The `User-Agent`. Default: the component's name and version. */
  userAgent?: string | undefined;
  /**
   * Aborts the call: the connection is closed, and the promise rejects with an `AbortError` whose `cause` is the signal's reason. A signal may be
   * used for many calls. If the last bytes of a package had been sent, it may be stored; `getPackage` tells.
   */
  signal?: AbortSignal | undefined;
}

export interface PutOptions extends GetOptions {
  /**
   * The number of bytes to announce. Default: the length of the file or the bytes. Required for a stream. Content of another length fails with
   * kind `content`.
   */
  size?: number | undefined;
  /** Whether to send `Expect: 100-continue`. The body is sent without waiting for the 100. Default: false. */
  expectContinue?: boolean | undefined;
  /** The file name in the multipart form. Default: package.tar.gz. */
  filename?: string | undefined;
  /**
   * Called while the package is read, with the number of bytes read and the size. The upload doesn't wait for a returned promise. An exception, or
   * a rejection before the call has ended, ends the call, which rejects with it.
   */
  onProgress?: ((read: number, size: number) => unknown) | undefined;
}

/** Gets the package of a service version. */
export function getPackage(target: Target, options?: GetOptions): Promise<Reply>;

/** Lists the versions of a service, which tells a missing version from a version without a package. */
export function listVersions(serviceId: string, options?: GetOptions): Promise<ServiceVersionInfo[]>;

/**
 * Uploads a package to a service version, replacing the one that it has.
 *
 * The package may be stored after an abort, after an exception of `onProgress`, and after an error of kind `transport`, `unexpected-response` or
 * `component`; `getPackage` tells.
 */
export function putPackage(target: Target, source: Source, options?: PutOptions): Promise<Reply>;

/**
 * The `.tar.gz`: the path or the `file:` URL of a regular file, the bytes, or a stream of bytes, such as a `Readable`, a web `ReadableStream` or
 * an async generator. A stream is always consumed or destroyed. A FIFO or a device must be passed as a stream; as a path it fails with kind
 * `content`.
 */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>;

/**
 * A successful response: the `reply` of `wit/package-api.wit`, which documents each field. A field that is `none` there is absent here. A number
 * above 2^53 is rounded.
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
  /** The response body, unchanged. */
  body: string;
}

/** A version of a service: the `service-version-info` of `wit/versions.wit`, which documents each field. */
export interface ServiceVersionInfo {
  number: number;
  active: boolean;
  locked: boolean;
  createdAt?: string;
  updatedAt?: string;
  deletedAt?: string;
  comment?: string;
}

export interface RateLimit {
  remaining?: number;
  /** Seconds since 1970-01-01 UTC. */
  reset?: number;
  retryAfter?: string;
}

/** Any error except an abort: the `error` of `wit/package-api.wit`, or `component`. */
export type FastlyPackageError =
  | InvalidArgumentError
  | ContentError
  | TransportError
  | ApiError
  | UnexpectedResponseError
  | ComponentError;

/** For `instanceof`. It can't be constructed. */
export const FastlyPackageError: {
  readonly prototype: FastlyPackageError;
  [Symbol.hasInstance](value: unknown): value is FastlyPackageError;
};

interface Failure extends Error {
  readonly name: 'FastlyPackageError';
  /** Details for people to read. */
  readonly detail?: string;
}

/** An invalid argument. Nothing was sent. */
export interface InvalidArgumentError extends Failure {
  readonly kind: 'invalid-argument';
  readonly detail: string;
}

/**
 * The package could not be read, has another length than announced, or is a file, given by its path, that was modified since it was opened. The API
 * has stored nothing.
 */
export interface ContentError extends Failure {
  readonly kind: 'content';
  readonly code: 'failed' | 'too-short' | 'too-long';
  /** For `too-short`: the number of bytes that there were. */
  readonly payload?: number;
}

/** The API could not be reached, the connection was lost, or the host denied the request. An upload may be stored; `getPackage` tells. */
export interface TransportError extends Failure {
  readonly kind: 'transport';
  /** The name of a wasi:http error-code, such as `connection-refused`. */
  readonly code: string;
  /** For some codes: a number or a record. */
  readonly payload?: unknown;
}

/** An error response of the API. */
export interface ApiError extends Failure {
  readonly kind: 'api';
  /** The HTTP status. */
  readonly status: number;
  readonly title?: string;
  readonly errors: ApiErrorEntry[];
  readonly rateLimit?: RateLimit;
  readonly mediaType?: string;
  /** The beginning of the body. */
  readonly excerpt: string;
}

/** A response that is not the API's. An upload may be stored; `getPackage` tells. */
export interface UnexpectedResponseError extends Failure {
  readonly kind: 'unexpected-response';
  readonly reason: 'status' | 'premature' | 'too-large' | 'invalid-body';
  /** The HTTP status. */
  readonly status: number;
  readonly detail: string;
  readonly location?: string;
  readonly mediaType?: string;
  /** The beginning of the body. */
  readonly excerpt: string;
}

/**
 * The component could not be loaded, because it isn't built (`npm run build`), or it failed, by a trap or by a lack of memory. In the latter case
 * an upload may be stored; `getPackage` tells.
 */
export interface ComponentError extends Failure {
  readonly kind: 'component';
  readonly detail: string;
}

/** An entry of `errors` in an error response. */
export interface ApiErrorEntry {
  id?: string;
  code?: string;
  status?: string;
  title?: string;
  detail?: string;
  index?: number;
  /** Other fields, as JSON text. */
  meta?: string;
}
