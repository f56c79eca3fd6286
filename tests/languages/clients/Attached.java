// Worker of tests/languages/clients/attached.rs: asks for its flag again and again, first in a thread that is
// interrupted.

import java.time.Duration;

final class Attached {
    public static void main(String[] arguments) throws InterruptedException {
        Thread.currentThread().interrupt();
        Stopctl stop = Stopctl.fromEnv();
        boolean kept = Thread.interrupted();
        for (int n = 0; n < 1000; n++) {
            stop = Stopctl.fromEnv();
        }
        System.out.println(stop.isSupervised() && kept ? "ready" : "not supervised, or not interrupted");
        stop.awaitStop(Duration.ofMinutes(1));
    }
}
