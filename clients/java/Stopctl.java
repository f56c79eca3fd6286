// Stopctl.java 0.1.0: the stop flag of stopctl(1), for workers in Java 17 and later.
//
// Licence: MIT OR Apache-2.0. The contract is stopctl-flag(7). One file; put it into a package.

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The stop flag of this worker.
 *
 * <pre>{@code
 * Stopctl stop = Stopctl.fromEnv();
 * while (!stop.isSet()) {
 *     onePieceOfWork();
 * }
 * }</pre>
 *
 * <p>Without a supervisor the flag stays down. All methods may be called by any number of threads.
 * Java has no way to sleep on shared memory, so waiting sleeps for 50 ms at a time.
 *
 * <p>If somebody truncates the file to nothing (only its owner and root can), a look, {@link #isSet},
 * gets a SIGBUS; Java turns that into an InternalError, and throws it there or a little later. Waiting
 * and {@link #request} notice it and take it as a stop; from then on a look is safe.
 */
public final class Stopctl {
    /** What a raised flag says. */
    public record Request(
            /**
             * '1' stop, '2' SIGTERM is being used, '3' SIGKILL is being used, '-' not known; others
             * may come.
             */
            char level,
            /** "user", "timeout", ...; empty if not known. */
            String reason,
            /** When the next rung comes, as System.nanoTime() counts on Linux. */
            OptionalLong deadline,
            /** The same in seconds since 1970. */
            OptionalLong deadlineUnix) {}

    private static final int LENGTH = 64;
    private static final byte RUNNING = '0';
    /** FUTEX_OWNER_DIED: the kernel sets it when the thread that enforces the ladder dies. */
    private static final int OWNER_DIED = 1 << 30;
    private static final Duration LOOK_AGAIN = Duration.ofMillis(50);
    /** The status of leave(): EX_TEMPFAIL of sysexits.h. */
    private static final int NOT_FINISHED = 75;
    /** How often the text is copied until two copies agree: the owner may be writing it. */
    private static final int COPIES = 8;

    private static final VarHandle WORD =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
    /** Where the first byte in memory is in a word. */
    private static final int FIRST = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? 24 : 0;

    private static final ByteBuffer DOWN = constant("0\n\n\n");
    private static final ByteBuffer RAISED = constant("1   ");

    /** What a look loads: the mapped flag, or a constant. */
    private volatile ByteBuffer word = DOWN;
    /** Null if there is no supervisor. Everything but a look reads the file. */
    private final RandomAccessFile file;
    /** Null if it cannot be read; then only the flag counts. */
    private final RandomAccessFile owner;
    private final Callbacks callbacks = new Callbacks(this);

    /** What fromEnv has opened, and whether it has warned. */
    private static Stopctl own;
    private static boolean warned;

    private Stopctl() {
        file = null;
        owner = null;
    }

    private Stopctl(Path path) throws IOException {
        file = openRegular(path);
        try {
            // In a file that is shorter than a flag only the first byte counts, and nobody will raise it.
            word = file.length() >= LENGTH
                    ? file.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, LENGTH)
                    : constant(new String(Arrays.copyOf(copy(), 4), StandardCharsets.ISO_8859_1));
        } catch (IOException error) {
            file.close();
            throw error;
        }
        owner = openOwner(path.resolveSibling("owner"));
    }

    /**
     * The flag that STOPCTL_FLAG names, which the first call opens and all later ones share. If the
     * variable is not set or is empty, it is a flag that stays down; also if what it names cannot be
     * used, with one line on standard error.
     */
    public static synchronized Stopctl fromEnv() {
        String path = System.getenv("STOPCTL_FLAG");
        if (path == null || path.isEmpty()) {
            return unsupervised();
        }
        if (own == null) {
            try {
                own = open(Path.of(path));
            } catch (IOException | InvalidPathException error) {
                warn(path, error);
                return unsupervised();
            }
        }
        return own;
    }

    private static void warn(String path, Exception error) {
        if (!warned) {
            warned = true;
            String shown = path.length() > 200 ? path.substring(0, 200) : path;
            System.err.println("stopctl: the flag " + shown + " cannot be used ("
                    + error.getClass().getSimpleName() + "); running unsupervised");
        }
    }

    /** A flag that stays down. */
    public static Stopctl unsupervised() {
        return new Stopctl();
    }

    /** The flag at a path. It stays open until the process ends. */
    public static Stopctl open(Path path) throws IOException {
        // Java closes what an interrupted thread is about to map. The interrupt is kept for the caller.
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return new Stopctl(path);
                } catch (ClosedByInterruptException error) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Whether a supervisor gave us this flag. */
    public boolean isSupervised() {
        return file != null;
    }

    /** A look: whether to stop. One load of the flag, and nothing else. */
    public boolean isSet() {
        return (byte) ((int) WORD.getAcquire(word, 0) >>> FIRST) != RUNNING;
    }

    /**
     * Sleeps until the worker should stop, because the flag was raised or the supervisor died, and
     * returns true; or sleeps for this long, and returns false.
     */
    public boolean awaitStop(Duration timeout) throws InterruptedException {
        long start = System.nanoTime();
        while (!mustStop()) {
            Duration left = timeout.minusNanos(System.nanoTime() - start);
            if (left.isNegative() || left.isZero()) {
                return false;
            }
            Duration time = left.compareTo(LOOK_AGAIN) < 0 ? left : LOOK_AGAIN;
            Thread.sleep(time.toMillis(), time.toNanosPart() % 1_000_000);
        }
        return true;
    }

    /**
     * Runs this once when the worker should stop, because the flag was raised or the supervisor died:
     * at once if that has happened, otherwise in a daemon thread that the first call starts. What one
     * throws goes to the handler of uncaught exceptions, and the others still run. A program that ends
     * after it was asked to stop waits until all have run, though no longer than to the deadline.
     */
    public void onStop(Runnable callback) {
        callbacks.add(callback);
    }

    /**
     * Sends this process a signal, "TERM" for example, once, when the worker should stop. TERM, INT and
     * HUP run the shutdown hooks, as System.exit does. A shell sends it, because Java cannot.
     */
    public void asSignal(String name) {
        String[] command = {"sh", "-c", "kill -s \"$0\" \"$1\"", name, "" + ProcessHandle.current().pid()};
        onStop(() -> {
            try {
                new ProcessBuilder(command).inheritIO().start();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        });
    }

    /**
     * Ends the process, by System.exit, when it was asked to stop and has work left: with the status
     * 75 (EX_TEMPFAIL).
     */
    public static void leave() {
        System.exit(NOT_FINISHED);
    }

    /**
     * What the flag says, empty while it is down. If the supervisor died without raising the flag,
     * that is a request with the reason "lost".
     */
    public Optional<Request> request() {
        if (!mustStop()) {
            return Optional.empty();
        }
        byte[] last = copy();
        for (int copies = 1; copies < COPIES; copies++) {
            byte[] next = copy();
            if (Arrays.equals(next, last)) {
                break;
            }
            last = next;
        }
        OptionalLong none = OptionalLong.empty();
        if (last.length == 0) { // cut to nothing
            return Optional.of(new Request('-', "", none, none));
        }
        if (last[0] == RUNNING) { // down all the same: nobody is left to raise it
            return Optional.of(new Request('1', "lost", none, none));
        }
        String text = new String(last, StandardCharsets.ISO_8859_1);
        String line = text.length() > 4 ? text.substring(4).split("\n", 2)[0] : "";
        String[] words = Arrays.copyOf(line.split(" "), 3);
        boolean known = words[0].matches("[a-z0-9-]{1,16}") && !words[0].equals("-");
        String reason = known ? words[0] : "";
        return Optional.of(new Request(text.charAt(0), reason, number(words[1]), number(words[2])));
    }

    private static OptionalLong number(String word) {
        // No clock will show a time of nineteen digits or more.
        boolean known = word != null && word.matches("[0-9]{1,18}");
        return known ? OptionalLong.of(Long.parseLong(word)) : OptionalLong.empty();
    }

    /**
     * Whether to stop, because of the flag, its file, or the owner word. From then on every look says
     * so too.
     */
    private boolean mustStop() {
        if (file == null) {
            return false;
        }
        byte[] text = copy();
        boolean stop = text.length == 0 || text[0] != RUNNING || word == RAISED || isLost();
        if (stop) {
            word = RAISED;
        }
        return stop;
    }

    private boolean isLost() {
        byte[] first = read(owner, 4);
        return first.length == 4
                && (ByteBuffer.wrap(first).order(ByteOrder.nativeOrder()).getInt() & OWNER_DIED) != 0;
    }

    private byte[] copy() {
        return read(file, LENGTH);
    }

    /** The first bytes. Does not use the channel, which an interrupt of the thread would close. */
    private static byte[] read(RandomAccessFile from, int length) {
        if (from == null) {
            return new byte[0];
        }
        byte[] bytes = new byte[length];
        synchronized (from) {
            try {
                from.seek(0);
                int read = from.read(bytes);
                return Arrays.copyOf(bytes, Math.max(read, 0));
            } catch (IOException error) {
                return new byte[0];
            }
        }
    }

    private static RandomAccessFile openRegular(Path path) throws IOException {
        // Check this first: opening a FIFO would wait until somebody writes.
        if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException("it is not a file");
        }
        RandomAccessFile file = new RandomAccessFile(path.toFile(), "r");
        if (file.length() == 0) {
            file.close();
            throw new IOException("it is empty");
        }
        return file;
    }

    private static RandomAccessFile openOwner(Path path) {
        try {
            return openRegular(path);
        } catch (IOException error) {
            return null;
        }
    }

    private static ByteBuffer constant(String text) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(LENGTH);
        buffer.put(0, text.getBytes(StandardCharsets.ISO_8859_1));
        return buffer;
    }

    /** What onStop was given. */
    private static final class Callbacks {
        /** How long before the next rung the program ends, whatever still runs. */
        private static final Duration MARGIN = LOOK_AGAIN.multipliedBy(2);

        private final Stopctl stop;
        /** Those that nobody has begun to run. */
        private final Deque<Runnable> waiting = new ArrayDeque<>();
        /** The thread that waits for the stop and then runs them; null before the first. */
        private Thread watcher;
        /** Whether all have been begun, after a stop: one that comes later is run by its caller. */
        private boolean over;

        Callbacks(Stopctl stop) {
            this.stop = stop;
        }

        void add(Runnable callback) {
            if (stop.isSupervised() && (stop.mustStop() || !enqueue(callback))) {
                callback.run();
            }
        }

        private synchronized boolean enqueue(Runnable callback) {
            if (over) {
                return false;
            }
            if (watcher == null) {
                // If this thread is refused, the next call tries again.
                watcher = start(this::watch);
                try {
                    Runtime.getRuntime().addShutdownHook(new Thread(this::end, "stopctl end"));
                } catch (IllegalStateException late) {
                    // The program is ending already, so it does not wait for this.
                }
            }
            waiting.add(callback);
            return true;
        }

        private synchronized Runnable begin() {
            Runnable next = waiting.poll();
            over = next == null;
            return next;
        }

        private void watch() {
            while (!stop.mustStop()) {
                pause(() -> stop.awaitStop(Duration.ofDays(1)));
            }
            run();
        }

        private void run() {
            for (Runnable next = begin(); next != null; next = begin()) {
                try {
                    next.run();
                } catch (Throwable error) {
                    tell(error);
                }
            }
        }

        private static void tell(Throwable error) {
            Thread thread = Thread.currentThread();
            try {
                thread.getUncaughtExceptionHandler().uncaughtException(thread, error);
            } catch (Throwable ignored) {
                // As Java does with what such a handler throws.
            }
        }

        /** Runs when the program ends. */
        private void end() {
            if (!stop.mustStop()) {
                return;
            }
            await(watcher);
            // One that has called System.exit is waiting for us; then another thread runs the others.
            while (!over && isTime()) {
                await(start(this::run));
            }
        }

        private void await(Thread runner) {
            while (runner.isAlive() && !isExiting(runner) && isTime()) {
                pause(() -> runner.join(LOOK_AGAIN.toMillis()));
            }
        }

        private static boolean isExiting(Thread runner) {
            return Arrays.stream(runner.getStackTrace())
                    .anyMatch(frame -> frame.getClassName().equals("java.lang.Runtime")
                            && frame.getMethodName().equals("exit"));
        }

        /** Whether the next rung, if there is one, is not near yet. */
        private boolean isTime() {
            OptionalLong deadline = stop.request().map(Request::deadline).orElse(OptionalLong.empty());
            long left = deadline.isEmpty() ? Long.MAX_VALUE : deadline.getAsLong() - System.nanoTime();
            return left > MARGIN.toNanos();
        }

        private interface Pause {
            void take() throws InterruptedException;
        }

        /** An interrupt is nothing to our threads: they look again. */
        private static void pause(Pause pause) {
            try {
                pause.take();
            } catch (InterruptedException nobodyMeansUs) {
                return;
            }
        }

        private static Thread start(Runnable task) {
            Thread thread = new Thread(task, "stopctl");
            thread.setDaemon(true);
            thread.start();
            return thread;
        }
    }
}
