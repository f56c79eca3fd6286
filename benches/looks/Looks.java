// A look and a wake in Java, for benches/looks/main.rs.

import java.time.Duration;

final class Looks {
    public static void main(String[] words) throws Exception {
        Stopctl stop = Stopctl.fromEnv();
        int looks = Integer.parseInt(words[0]);
        if (looks == 0) {
            System.out.println("ready");
            stop.awaitStop(Duration.ofHours(1));
            System.out.println("awake");
            return;
        }
        for (int rounds = Integer.parseInt(words[1]); rounds > 0; rounds--) {
            System.out.println("begin");
            look(stop, looks);
            System.out.println("end");
        }
    }

    private static void look(Stopctl stop, int looks) {
        for (int look = 0; look < looks; look++) {
            if (stop.isSet()) {
                throw new IllegalStateException("the flag is down");
            }
        }
    }
}
