// stopctl.d.ts 0.1.0: the types of stopctl.mjs. Licence: MIT OR Apache-2.0.

/** What a raised flag says. */
export interface StopRequest {
  /** "1" stop, "2" SIGTERM is being used, "3" SIGKILL is being used, "-" not known; others may
   * come. */
  level: string;
  /** "user", "timeout", ...; absent if not known. */
  reason?: string;
  /** When the next rung comes, in nanoseconds as process.hrtime.bigint() counts. */
  deadline?: bigint;
  /** The same in seconds since 1970. */
  deadlineUnix?: number;
}

/** What `signal.reason` is. Its name is "AbortError". */
export class StopError extends Error {
  constructor(request: StopRequest);
  readonly request: StopRequest;
}

export class StopFlag {
  /** The flag at `file`; throws if it cannot be used. Without a file: one that stays down. */
  constructor(file?: string);
  /** The flag that STOPCTL_FLAG names, or one that stays down. */
  static fromEnv(): StopFlag;
  readonly isSupervised: boolean;
  /** A look: whether to stop. One read of one byte. */
  isSet(): boolean;
  /** What the flag says; `undefined` while it is down. */
  request(): StopRequest | undefined;
  /** Milliseconds until the next rung; `undefined` if there is no such time. */
  readonly remaining: number | undefined;
  /** Aborted, with a StopError, when a stop is asked for. */
  readonly signal: AbortSignal;
  /** Resolves with true when a stop is asked for, with false after this many milliseconds. */
  wait(milliseconds?: number): Promise<boolean>;
}

/** This process's flag, opened at the first call. */
export function flag(): StopFlag;
