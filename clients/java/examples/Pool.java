// A pool that finishes the pieces it has begun when it is asked to stop, gives back those that it has
// not, and says so by its status. A shutdown hook saves what there is, however the program ends.

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

final class Pool {
    public static void main(String[] arguments) throws InterruptedException {
        Stopctl stop = Stopctl.fromEnv();
        LinkedBlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>();
        ThreadPoolExecutor pool = new ThreadPoolExecutor(2, 2, 0, TimeUnit.SECONDS, waiting);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("saved")));
        CountDownLatch asked = new CountDownLatch(1);
        stop.onStop(asked::countDown);

        for (int piece = 0; piece < 100; piece++) {
            pool.submit(() -> {
                System.out.println("begun");
                Thread.sleep(300);
                return System.out.append("done\n");
            });
        }
        asked.await();
        // shutdownNow would interrupt what has begun, too.
        int left = waiting.size();
        waiting.clear();
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.MINUTES);
        System.out.println("asked to stop");
        if (left > 0) {
            Stopctl.leave();
        }
    }
}
