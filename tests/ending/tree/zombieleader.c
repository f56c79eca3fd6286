/* A program whose first thread has ended while another one goes on, deaf to SIGTERM. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void *go_on(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

int main(void)
{
    pthread_t other;

    signal(SIGTERM, SIG_IGN);
    if (pthread_create(&other, NULL, go_on, NULL) != 0)
        return 1;
    printf("ready worker=0 pid=%d\n", (int)getpid());
    fflush(stdout);
    pthread_exit(NULL);
}
