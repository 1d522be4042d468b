// SPDX-License-Identifier: MIT
//
// Questions of docs/surroundings.md about the system, for whoever wants to look again:
//     cc -O1 -pthread -o system system.c && ./system peak spawn
// Without a word of `main` below it prints those there are. Those that need root or a control group say so there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum { kib = 1024, mib = 1024 * 1024, page = 4096 };

static const char *name_of(int error) { return error ? strerrorname_np(error) : "done"; }
static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
static void nap(double time) { usleep((useconds_t)(time * 1e6)); }
static long from_status(const char *key, const char *process) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%s/status", process);
    long value = -1;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) value = atol(line + strlen(key) + 1);
    if (file) fclose(file);
    return value;
}
static char *take(size_t bytes) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < bytes; at += page) memory[at] = 1;
    return memory;
}
static pid_t spawn(char *const arguments[]) {
    pid_t child = 0;
    const int error = posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ);
    if (error) printf("posix_spawn: %s\n", name_of(error));
    return error ? -1 : child;
}

// ---- memory ----

// peak spawn|fork [given-back]: a tiny child of a parent that has, or had, 300 MiB.
static void peak(char **words) {
    char *memory = take((size_t)300 * mib);
    if (words[3]) munmap(memory, (size_t)300 * mib);
    pid_t child;
    fflush(stdout);
    if (strcmp(words[2], "fork") == 0) {
        child = fork();
        if (child == 0) printf("VmHWM in the child: %ld KiB\n", from_status("VmHWM", "self")), exit(0);
    } else {
        child = spawn((char *[]){words[0], "tiny", NULL});
    }
    struct rusage usage;
    wait4(child, NULL, 0, &usage);
    printf("ru_maxrss that the parent gets: %ld KiB\n", usage.ru_maxrss);
}
static void tiny(char **words) { (void)words, printf("VmHWM in the child: %ld KiB\n", from_status("VmHWM", "self")); }

// merge: is the memory of a child after exec merged by KSM, if the parent asked for that?
static void merge(char **words) {
    enum { set_merge = 67, get_merge = 68 };
    if (words[2]) return (void)printf("after exec: %d\n", prctl(get_merge, 0, 0, 0, 0));
    if (prctl(set_merge, 1, 0, 0, 0) != 0) return (void)printf("PR_SET_MEMORY_MERGE: %s\n", name_of(errno));
    execv("/proc/self/exe", (char *[]){words[0], "merge", "again", NULL});
}

static long shmem(void) {
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Shmem: %ld", &value) == 1) break;
    if (file) fclose(file);
    return value;
}
// huge [advise]: what one byte in a memfd of 8 MiB costs. Depends on /sys/kernel/mm/transparent_hugepage/shmem_enabled.
static void huge(char **words) {
    const int fd = memfd_create("example", MFD_CLOEXEC);
    if (ftruncate(fd, 8 * mib) != 0) return;
    const long before = shmem();
    char *memory = mmap(NULL, 8 * mib, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (words[2]) madvise(memory, 8 * mib, MADV_HUGEPAGE);
    memory[0] = 1;
    printf("%ld KiB\n", shmem() - before);
}

// memfd: is one made without flags? Depends on /proc/sys/vm/memfd_noexec.
static void memfd(char **words) {
    (void)words;
    const int fd = memfd_create("example", MFD_CLOEXEC);
    printf("memfd_create: %s, seals %x\n", name_of(fd < 0 ? errno : 0), fd < 0 ? 0 : fcntl(fd, F_GET_SEALS));
}

// map: where the system puts memory without and with a hint above 47 bits.
static void map(char **words) {
    (void)words;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    printf("%p\n", mmap(NULL, mib, PROT_READ, flags, -1, 0));
    printf("with a hint: %p\n", mmap((void *)(1UL << 50), mib, PROT_READ, flags, -1, 0));
}

// ---- how a process ended ----

struct Information {  // pidfd_info of <linux/pidfd.h>, as long as Debian 12 has no such header
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
    uint32_t more[12];
};
static void tell(int fd) {
    struct Information information = {.mask = 1 << 3};  // PIDFD_INFO_EXIT
    const unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64);
    if (ioctl(fd, request, &information) != 0) return (void)printf("PIDFD_GET_INFO: %s\n", name_of(errno));
    printf("exit status 0x%x\n", information.exit_code);
}
// ended: what a pidfd tells of a child that nobody can wait for.
static void ended(char **words) {
    (void)words;
    signal(SIGCHLD, SIG_IGN);
    for (int killed = 0; killed < 2; ++killed) {
        const pid_t child = fork();
        if (child == 0) _exit(killed ? raise(SIGKILL) : 3);
        const int fd = (int)syscall(SYS_pidfd_open, child, 0);
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        poll(&watched, 1, -1);
        const int error = waitpid(child, NULL, 0) < 0 ? errno : 0;
        printf("SIGCHLD ignored: poll %x, waitpid %s, ", watched.revents, name_of(error));
        tell(fd), printf("asked again: "), tell(fd);
    }
    signal(SIGCHLD, SIG_DFL);
    const pid_t child = fork();
    if (child == 0) _exit(3);
    const int fd = (int)syscall(SYS_pidfd_open, child, 0);
    waitpid(-1, NULL, 0);
    printf("reaped by somebody else: "), tell(fd);
    printf("no pidfd: "), tell(open("/dev/null", O_RDONLY));
}

static pid_t of_thread;
static void *forks(void *unused) {
    of_thread = fork();
    if (of_thread == 0) prctl(PR_SET_PDEATHSIG, SIGKILL), pause();
    return nap(0.3), unused;
}
// deathsig: PR_SET_PDEATHSIG, when the thread ends that forked, and the process goes on.
static void deathsig(char **words) {
    (void)words;
    pthread_t thread;
    pthread_create(&thread, NULL, forks, NULL);
    pthread_join(thread, NULL);
    nap(0.3);
    printf("the child has ended: %s\n", waitpid(of_thread, NULL, WNOHANG) == of_thread ? "yes" : "no");
    kill(of_thread, SIGKILL);
}

// ---- threads and forks ----

static void *sleeps(void *unused) { return pause(), unused; }
// joined: a fork child joins a thread of its parent.
static void joined(char **words) {
    (void)words;
    pthread_t thread;
    pthread_create(&thread, NULL, sleeps, NULL);
    fflush(stdout);
    if (fork() == 0) {
        alarm(5);
        printf("pthread_join in the child: %s\n", name_of(pthread_join(thread, NULL)));
        exit(0);
    }
    wait(NULL);
}
// fork: can this process fork? For limits of all kinds.
static void forks_once(char **words) {
    (void)words;
    const pid_t child = fork();
    if (child == 0) _exit(0);
    printf("fork: %s\n", name_of(child < 0 ? errno : 0));
}
// processors: what the C library counts, and what the mask has.
static void processors(char **words) {
    (void)words;
    cpu_set_t mask;
    const int error = sched_getaffinity(0, sizeof mask, &mask);
    printf("get_nprocs %d, mask %d\n", get_nprocs(), error ? -1 : CPU_COUNT(&mask));
}
// pipes: capacity of pipes, as a plain user who makes many. Needs root, to become one.
static void pipes(char **words) {
    (void)words;
    const struct rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &limit);
    if (setuid(1000) != 0) return (void)puts("needs root");
    for (int number = 1, last = 0, ends[2]; number <= 1500 && pipe(ends) == 0; ++number) {
        const int size = fcntl(ends[0], F_GETPIPE_SZ);
        if (size != last) printf("pipe %d: %d bytes\n", number, last = size);
    }
}

// ---- clocks ----

// waits: 100 ms in four ways, by the kernel's clock; what takes five seconds is ended. For libfaketime.
static double kernels_seconds(void) {
    struct timespec time;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
static struct timespec in_100_ms(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    if ((time.tv_nsec += 100000000) >= 1000000000) time.tv_nsec -= 1000000000, ++time.tv_sec;
    return time;
}
static void waits(char **words) {
    (void)words;
    static const char *const names[] = {"poll", "pthread_cond_timedwait", "pthread_cond_clockwait", "sem_clockwait"};
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    static sem_t semaphore;
    printf("CLOCK_MONOTONIC %.0f, the kernel's %.0f\n", seconds(CLOCK_MONOTONIC), kernels_seconds());
    for (int way = 0; way < 4; ++way) {
        const pid_t child = fork();
        if (child == 0) {
            const double start = kernels_seconds();
            const struct timespec real = in_100_ms(CLOCK_REALTIME), steady = in_100_ms(CLOCK_MONOTONIC);
            syscall(SYS_setitimer, ITIMER_REAL, &(struct itimerval){.it_value = {.tv_sec = 5}}, NULL);
            sem_init(&semaphore, 0, 0);
            pthread_mutex_lock(&lock);
            if (way == 0) poll(NULL, 0, 100);
            if (way == 1) pthread_cond_timedwait(&changed, &lock, &real);
            if (way == 2) pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &steady);
            if (way == 3) sem_clockwait(&semaphore, CLOCK_MONOTONIC, &steady);
            printf("%s: %.0f ms\n", names[way], 1e3 * (kernels_seconds() - start));
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) printf("%s: does not end\n", names[way]);
    }
}

// ---- system calls that are refused ----

static const struct {
    const char *name;
    int number;
} calls[] = {{"clone3", SYS_clone3}, {"close_range", SYS_close_range}, {"futex", SYS_futex}, {"rseq", SYS_rseq},
             {"sched_getaffinity", SYS_sched_getaffinity}, {"memfd_create", SYS_memfd_create},
             {"pidfd_open", SYS_pidfd_open}, {"pidfd_send_signal", SYS_pidfd_send_signal}};
static void filter(int number, unsigned action) {
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, action), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {.len = 4, .filter = code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) perror("seccomp");
}
// refuse CALL ERRNO COMMAND…: runs COMMAND where a system call gives an error, 38 for ENOSYS, 1 for EPERM.
static void refuse(char **words) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; ++i)
        if (strcmp(calls[i].name, words[2]) == 0) {
            filter(calls[i].number, SECCOMP_RET_ERRNO | (unsigned)atoi(words[3]));
            execvp(words[4], words + 4);
            perror(words[4]);
        }
}
// closefrom: does it close descriptor 3?
static void closes(char **words) {
    (void)words;
    dup2(2, 3);
    closefrom(3);
    printf("descriptor 3 is %s\n", fcntl(3, F_GETFD) < 0 ? "closed" : "open");
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *locks(void *unused) {
    pthread_mutex_lock(&mutex);
    nap(0.5);
    pthread_mutex_unlock(&mutex);
    return unused;
}
// contended: two threads, one mutex.
static void contended(char **words) {
    (void)words;
    pthread_t threads[2];
    for (int i = 0; i < 2; ++i)
        if (pthread_create(&threads[i], NULL, locks, NULL) != 0) return (void)puts("no thread");
    nap(1.5);
    puts("done");
}
static void *killed(void *unused) {
    filter(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    return getppid(), unused;
}
// thread-killed: a filter kills one thread; what does pthread_join say?
static void thread_killed(char **words) {
    pthread_t thread;
    void *result = words;
    pthread_create(&thread, NULL, killed, words);
    printf("pthread_join: %s, ", name_of(pthread_join(thread, &result)));
    printf("result %s\n", result ? "set" : "null");
}
// noexec: executable mappings of a file in /dev/shm and of a memfd.
static void noexec(char **words) {
    (void)words;
    const int file = open("/dev/shm", O_TMPFILE | O_RDWR, 0600), memory = memfd_create("example", 0);
    if (ftruncate(file, page) != 0 || ftruncate(memory, page) != 0) return;
    const int prot = PROT_READ | PROT_EXEC;
    printf("/dev/shm: %s\n", name_of(mmap(NULL, page, prot, MAP_SHARED, file, 0) == MAP_FAILED ? errno : 0));
    printf("memfd: %s\n", name_of(mmap(NULL, page, prot, MAP_SHARED, memory, 0) == MAP_FAILED ? errno : 0));
}

// ---- control groups: GROUP is a folder that the caller made; see linux61.sh ----

static void join(const char *group) {
    char path[256];
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file, "%d", getpid()) < 0 || fclose(file) != 0) perror(path);
}
// burst GROUP: idle for a second, then busy for 400 ms: processor time after each 100 ms.
static void burst(char **words) {
    join(words[2]);
    nap(1);
    const double start = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 1; i <= 4; ++i) {
        while (seconds(CLOCK_MONOTONIC) < start + 0.1 * i) {}
        printf("%.0f ", 1e3 * (seconds(CLOCK_PROCESS_CPUTIME_ID) - used));
    }
    puts("ms of processor time");
}
// take GROUP MIB
static void takes(char **words) {
    join(words[2]);
    const double start = seconds(CLOCK_MONOTONIC);
    take((size_t)atol(words[3]) * mib);
    printf("took %s MiB in %.2f s\n", words[3], seconds(CLOCK_MONOTONIC) - start);
}
// pinned GROUP: on processor 1 for ten seconds.
static void pinned(char **words) {
    join(words[2]);
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(1, &mask);
    sched_setaffinity(0, sizeof mask, &mask);
    nap(10);
}
// threads GROUP: how many threads may be started.
static void threads(char **words) {
    join(words[2]);
    pthread_t thread;
    int count = 0, error = 0;
    while (count < 50 && (error = pthread_create(&thread, NULL, sleeps, NULL)) == 0) ++count;
    printf("%d threads, then %s\n", count, name_of(error));
}
// spin own|same NICE: busy for two seconds, in a session of its own or not. Two at once, on one processor.
static void spin(char **words) {
    if (strcmp(words[2], "own") == 0) setsid();
    if (nice(atoi(words[3])) == -1) perror("nice");
    const double start = seconds(CLOCK_MONOTONIC);
    while (seconds(CLOCK_MONOTONIC) < start + 2) {}
    printf("%s session, nice %s: %.1f s of 2\n", words[2], words[3], seconds(CLOCK_PROCESS_CPUTIME_ID));
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        int words;
        void (*run)(char **);
    } questions[] = {{"peak", 1, peak}, {"tiny", 0, tiny}, {"merge", 0, merge}, {"huge", 0, huge}, {"memfd", 0, memfd},
                     {"map", 0, map}, {"ended", 0, ended}, {"deathsig", 0, deathsig}, {"joined", 0, joined},
                     {"fork", 0, forks_once}, {"processors", 0, processors}, {"pipes", 0, pipes}, {"refuse", 3, refuse},
                     {"waits", 0, waits},
                     {"closefrom", 0, closes}, {"contended", 0, contended}, {"thread-killed", 0, thread_killed},
                     {"noexec", 0, noexec}, {"burst", 1, burst}, {"take", 2, takes}, {"pinned", 1, pinned},
                     {"threads", 1, threads}, {"spin", 2, spin}};
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; ++i) {
        if (count < 2) printf("%s ", questions[i].name);
        else if (strcmp(words[1], questions[i].name) == 0 && count >= 2 + questions[i].words)
            return questions[i].run(words), 0;
    }
    puts("");
    return 2;
}
