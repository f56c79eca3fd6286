// A worker that looks between two pieces of work, and is interrupted where it would wait.

final class Loop {
    public static void main(String[] arguments) {
        Stopctl stop = Stopctl.fromEnv();
        Thread worker = Thread.currentThread();
        stop.onStop(worker::interrupt);

        int done = 0;
        System.out.println("ready");
        try {
            while (!stop.isSet()) {
                Thread.sleep(30_000);
                done++;
            }
        } catch (InterruptedException asked) {
            // By onStop: what is here is saved, and the program leaves by its own door.
        }
        System.out.println("asked to stop: " + stop.request().orElseThrow().reason() + "; done " + done);
    }
}
