/* SIGUSR1, sent to one thread, and it never goes on. */
#include <signal.h>
#include <unistd.h>

static void hang(int number) {
  (void)number;
  for (;;) pause();
}

__attribute__((constructor)) static void install(void) { signal(SIGUSR1, hang); }
