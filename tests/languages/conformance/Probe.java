// Answers the questions of tests/languages/conformance.rs with clients/java/Stopctl.java.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Optional;

final class Probe {
    public static void main(String[] arguments) throws Exception {
        Stopctl stop = Stopctl.fromEnv();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(answer(stop, line.split(" ")));
        }
    }

    private static String answer(Stopctl stop, String[] question) throws InterruptedException {
        return switch (question[0]) {
            case "supervised" -> stop.isSupervised() ? "yes" : "no";
            case "look" -> stop.isSet() ? "stop" : "run";
            case "request" -> request(stop.request());
            default -> {
                Duration time = Duration.ofMillis(Long.parseLong(question[1]));
                yield stop.awaitStop(time) ? "stop" : "timeout";
            }
        };
    }

    private static String request(Optional<Stopctl.Request> asked) {
        if (asked.isEmpty()) {
            return "none";
        }
        Stopctl.Request request = asked.get();
        String reason = request.reason().isEmpty() ? "-" : request.reason();
        String deadline = request.deadline().isEmpty() ? "-" : "" + request.deadline().getAsLong();
        return request.level() + " " + reason + " " + deadline;
    }
}
