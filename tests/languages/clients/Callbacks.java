// Worker of tests/languages/clients/callbacks.rs: what onStop promises, one word of the command line each.

public final class Callbacks {
    public static void main(String[] arguments) throws InterruptedException {
        Stopctl stop = Stopctl.fromEnv();
        stop.onStop(() -> say("first"));
        switch (arguments[0]) {
            case "throws" -> stop.onStop(() -> {
                throw new IllegalStateException("a fault of the callback");
            });
            case "exits" -> stop.onStop(() -> System.exit(3));
            case "exits-twice" -> {
                stop.onStop(() -> System.exit(3));
                stop.onStop(() -> System.exit(4));
            }
            case "is-slow" -> stop.onStop(Callbacks::write);
            case "never-ends" -> stop.onStop(() -> {
                while (true) {
                    Thread.onSpinWait();
                }
            });
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        stop.onStop(() -> say("last"));
        say("ready");
        while (!stop.isSet()) {
            Thread.sleep(1);
        }
        say("main ends");
    }

    private static void write() {
        for (int row = 0; row < 10; row++) {
            say("row");
            try {
                Thread.sleep(20);
            } catch (InterruptedException nobodyDoes) {
                return;
            }
        }
    }

    private static void say(String words) {
        System.out.println(words);
    }
}
