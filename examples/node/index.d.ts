import type { Readable } from 'node:stream';

/** One version of one service. */
export interface Target {
  serviceId: string;
  /** From 1 to 2147483647. */
  version: number;
}

export interface GetOptions {
  /** Default: the environment's FASTLY_API_TOKEN. It goes over https, or over http to this machine, and nowhere else. */
  token?: string;
  /** The API's base. Default: the environment's FASTLY_API_ENDPOINT, else https://api.fastly.com. */
  apiUrl?: string;
  /** Default: the component's own name and version. */
  userAgent?: string;
  /** Cancels the call: the connection is closed, and the promise rejects with an `AbortError` whose `cause` is the signal's reason. */
  signal?: AbortSignal;
}

export interface PutOptions extends GetOptions {
  /**
   * How many bytes to announce. Default: the length of the file or the bytes. A Readable needs it. Content of another length fails with
   * kind `content`.
   */
  size?: number;
  /** Sends `Expect: 100-continue`; the body doesn't wait for the 100. Default: false. */
  expectContinue?: boolean;
  /** The file name in the multipart form. Default: package.tar.gz. */
  filename?: string;
  /** Called as the package is read. What it throws ends the call, which rejects with it. */
  onProgress?: (read: number, size: number) => void;
}

/** Gets the package of a service version. */
export function getPackage(target: Target, options?: GetOptions): Promise<Reply>;

/**
 * Uploads a package to a service version, in place of the one that it has.
 *
 * @param source The `.tar.gz`: the path of a regular file, the bytes, or a stream of them, which is read or destroyed whatever the outcome.
 *   A FIFO or a device is given as a stream; as a path it fails with kind `content`.
 */
export function putPackage(target: Target, source: string | Uint8Array | Readable, options?: PutOptions): Promise<Reply>;

/** A successful answer: the `reply` of `wit/package-api.wit`, where each field is documented. What is `none` there is undefined here. */
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
      size?: bigint;
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
  remaining?: bigint;
  /** Seconds since 1970-01-01 UTC. */
  reset?: bigint;
  retryAfter?: string;
}

/** Every failure but an abort: the `error` of `wit/package-api.wit`. Which fields there are depends on `kind`. */
export class FastlyPackageError extends Error {
  /**
   * - `invalid-argument`: nothing was sent. `detail`
   * - `content`: the package couldn't be read, or isn't as long as announced; the API has stored nothing. `code`, `detail`, `payload`
   * - `transport`: the connection failed, or the edge denied the request. `code`, `detail`, `payload`
   * - `api`: the API said no. `status`, `title`, `detail`, `errors`, `rateLimit`, `mediaType`, `excerpt`
   * - `unexpected-response`: not an answer of the API. `reason`, `status`, `detail`, `location`, `mediaType`, `excerpt`
   */
  readonly kind: 'invalid-argument' | 'content' | 'transport' | 'api' | 'unexpected-response';
  /** The HTTP status. */
  readonly status?: number;
  /** `failed`, `too-short` or `too-long`, or the name of a wasi:http error-code such as `connection-refused`. */
  readonly code?: string;
  /** Of `too-short`: after how many bytes. Of some error-codes: a record. */
  readonly payload?: unknown;
  readonly reason?: 'status' | 'premature' | 'too-large' | 'not-a-package';
  readonly title?: string;
  /** For people to read. */
  readonly detail?: string;
  readonly errors?: ApiErrorEntry[];
  readonly rateLimit?: RateLimit;
  readonly location?: string;
  readonly mediaType?: string;
  /** The answer's beginning. */
  readonly excerpt?: string;
}

/** One entry of an error body's `errors`. */
export interface ApiErrorEntry {
  id?: string;
  code?: string;
  status?: string;
  title?: string;
  detail?: string;
  index?: bigint;
  /** Anything else, as JSON text. */
  meta?: string;
}
