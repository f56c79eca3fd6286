// stopctl.mjs 0.1.0: the stop flag of stopctl(1), for workers in Node.js 18 and later.
//
// Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7). Types are in stopctl.d.ts.
//
//     import { flag } from './stopctl.mjs';
//
//     const stop = flag();
//     for (const piece of pieces) {
//       if (stop.isSet()) break;
//       await work(piece, { signal: stop.signal });
//     }
//
// No native code: so a look cannot be a load from shared memory, it is a read of one byte from a
// descriptor that stays open, one system call: about a microsecond. Waiting is by inotify, with a
// look at everything once a second, in the event loop: code that never returns to it must look by
// itself. Nothing here keeps the process alive but a wait that is awaited. Importing does nothing.
// Without a supervisor the flag stays down.

import fs from 'node:fs';
import path from 'node:path';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const RUNNING = 0x30;
/** FUTEX_OWNER_DIED: the kernel sets it when the thread that enforces the ladder dies. */
const OWNER_DIED = 0x4000_0000;
/** The longest time until everything is looked at again, in milliseconds. */
const LOOK_AGAIN = 1000;
/** The same where there is no inotify. */
const LOOK_AGAIN_UNWATCHED = 50;
/** The longest time that setTimeout knows, and less. */
const LONGEST_TIMER = 2 ** 30;
/** How often the text is copied until two copies agree: the owner may be writing it. */
const COPIES = 8;

const bigEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;

/** What `signal.reason` is: an AbortError that carries the request. */
export class StopError extends Error {
  constructor(request) {
    super(`a stop was asked for: ${request.reason ?? 'for no known reason'}`);
    this.name = 'AbortError';
    this.request = request;
  }
}

export class StopFlag {
  #path;
  #fd = -1;
  #owner = -1;
  #byte = Buffer.alloc(1);
  /** Once true, a look says stop for good: the file was cut, or the supervisor is dead. */
  #latched = false;
  #controller;
  #watching;
  #waiting = new Set();

  /** The flag at `file`; throws if it cannot be used. Without a file: one that stays down. */
  constructor(file) {
    if (file === undefined) return;
    this.#path = file;
    this.#fd = openRegular(file);
    try {
      this.#owner = openRegular(path.join(path.dirname(file), 'owner'));
    } catch {
      // Then only the flag counts.
    }
  }

  /** The flag that STOPCTL_FLAG names. If that cannot be used: one line on standard error, and a
   * flag that stays down. */
  static fromEnv() {
    const file = process.env.STOPCTL_FLAG;
    if (!file) return new StopFlag();
    try {
      return new StopFlag(file);
    } catch (error) {
      const shown = `${file.slice(0, 200)} cannot be used (${error.code ?? error.message})`;
      console.error(`stopctl: the flag ${shown}; running unsupervised`);
      return new StopFlag();
    }
  }

  get isSupervised() {
    return this.#fd !== -1;
  }

  /** A look: whether to stop. One read of one byte. */
  isSet() {
    if (this.#fd === -1 || this.#latched) return this.#latched;
    try {
      return fs.readSync(this.#fd, this.#byte, 0, 1, 0) !== 1 || this.#byte[0] !== RUNNING;
    } catch {
      return true;
    }
  }

  /** What the flag says, `undefined` while it is down. A supervisor that died without a word is a
   * request with the reason "lost". */
  request() {
    if (!this.#mustStop()) return undefined;
    const text = this.#text();
    if (text.length === 0) return { level: '-' }; // cut to nothing
    if (text[0] === RUNNING) return { level: '1', reason: 'lost' };
    const [reason, deadline, unix] = text.toString('latin1', 4).split('\n', 1)[0].split(' ');
    const number = (word) => (/^[0-9]{1,20}$/.test(word) ? BigInt(word) : undefined);
    return {
      level: String.fromCharCode(text[0]),
      reason: /^[a-z0-9-]{1,16}$/.test(reason) && reason !== '-' ? reason : undefined,
      deadline: number(deadline),
      deadlineUnix: number(unix) === undefined ? undefined : Number(unix),
    };
  }

  /** Milliseconds until the next rung, at least 0; `undefined` if there is no such time. */
  get remaining() {
    const deadline = this.request()?.deadline;
    if (deadline === undefined) return undefined;
    const left = deadline - process.hrtime.bigint(); // CLOCK_MONOTONIC, the flag's own clock
    return left > 0n ? Number(left) / 1e6 : 0;
  }

  /** An AbortSignal that is aborted, with a StopError, when a stop is asked for. */
  get signal() {
    this.#controller ??= new AbortController();
    if (this.#mustStop()) this.#tell();
    else this.#watch();
    return this.#controller.signal;
  }

  /** Resolves with true when a stop is asked for or the supervisor is gone, with false after this
   * many milliseconds. */
  wait(milliseconds = Infinity) {
    const end = performance.now() + milliseconds;
    return new Promise((resolve) => {
      let timer;
      const answer = (stop) => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(stop);
      };
      const wake = () => answer(true);
      const sleep = () => {
        const left = end - performance.now();
        if (this.#mustStop()) answer(true);
        else if (left <= 0) answer(false);
        else timer = setTimeout(sleep, Math.min(left, LONGEST_TIMER));
      };
      this.#waiting.add(wake);
      this.#watch();
      sleep();
    });
  }

  /** Whether to stop, by the flag, by its file, or by the owner word. */
  #mustStop() {
    if (this.#fd === -1 || this.#latched) return this.#latched;
    if (this.isSet()) {
      this.#latched = true;
    } else if (this.#owner !== -1) {
      const word = Buffer.alloc(4);
      try {
        const whole = fs.readSync(this.#owner, word, 0, 4, 0) === 4;
        const value = bigEndian ? word.readUInt32BE() : word.readUInt32LE();
        this.#latched = whole && (value & OWNER_DIED) !== 0;
      } catch {
        // Then only the flag counts.
      }
    }
    return this.#latched;
  }

  #text() {
    const copy = () => {
      const bytes = Buffer.alloc(64, '\n');
      return bytes.subarray(0, fs.readSync(this.#fd, bytes, 0, 64, 0));
    };
    try {
      let last = copy();
      for (let copies = 1; copies < COPIES; copies++) {
        const next = copy();
        if (next.equals(last)) break;
        last = next;
      }
      return last;
    } catch {
      return Buffer.alloc(0);
    }
  }

  #watch() {
    if (this.#fd === -1 || this.#watching || this.#latched) return;
    const look = () => {
      if (this.#mustStop()) this.#tell();
    };
    const every = (time) => setInterval(look, time).unref();
    this.#watching = { timer: undefined, watcher: undefined };
    const unwatched = () => {
      this.#watching?.watcher?.close();
      clearInterval(this.#watching?.timer);
      if (this.#watching) this.#watching.timer = every(LOOK_AGAIN_UNWATCHED);
    };
    try {
      const watcher = fs.watch(this.#path, { persistent: false }, look);
      this.#watching.watcher = watcher.on('error', unwatched);
      this.#watching.timer = every(LOOK_AGAIN);
    } catch {
      unwatched();
    }
    // What came before the watch was there.
    queueMicrotask(look);
  }

  #tell() {
    clearInterval(this.#watching?.timer);
    this.#watching?.watcher?.close();
    this.#watching = undefined;
    for (const wake of [...this.#waiting]) wake();
    if (this.#controller?.signal.aborted === false) {
      this.#controller.abort(new StopError(this.request()));
    }
  }
}

let own;

/** This process's flag, opened at the first call. */
export function flag() {
  own ??= StopFlag.fromEnv();
  return own;
}

function openRegular(file) {
  // O_NONBLOCK: a FIFO of that name must not make us wait.
  const fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const status = fs.fstatSync(fd);
  if (status.isFile() && status.size > 0) return fd;
  fs.closeSync(fd);
  throw new Error('it is not a file with text');
}
