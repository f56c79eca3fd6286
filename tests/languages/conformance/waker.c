/* Wakes everybody who sleeps on the flag, again and again and for no reason, until its standard
 * input ends: what any stranger can do who can read the flag. */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words)
{
    struct pollfd input = {0, POLLIN, 0};
    int fd = count == 2 ? open(words[1], O_RDONLY) : -1;
    void *flag = mmap(NULL, 64, PROT_READ, MAP_SHARED, fd, 0);
    if (flag == MAP_FAILED)
        return 1;
    do
        syscall(SYS_futex, flag, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    while (poll(&input, 1, 1) == 0);
    return 0;
}
