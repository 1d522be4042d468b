// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(memfd_create: spawn 144, fork 144, 8388608 bytes|skipped: .*)$
// expect-output: ^(memfd_create: SharedArray: memfd_create is refused: SharedArray and Broadcast need it.*|skipped: .*)$
// expect-output: ^(O_TMPFILE as well: spawn 144, fork 144, 8388608 bytes|skipped: .*)$
// expect-output: ^(new files as well: .*memfd_create is refused, and no file can be made in /dev/shm.*|skipped: .*)$
// expect-no-output: ^wrong
//
// Profiles of containers and old kernels refuse memfd_create(). Process pools work without; what cannot says so.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <concurrent/futures.hpp>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }
static std::vector<char> large(std::size_t size) { return std::vector<char>(size, 'x'); }

/// From now on system call `number` gives `error`, in this process and all that it starts; with `flag`, only where that
/// is set in the third argument.
static bool refuse(unsigned number, unsigned flag, unsigned error) {
    constexpr unsigned low_half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    const unsigned third = static_cast<unsigned>(offsetof(seccomp_data, args)) + 2 * 8 + low_half;
    sock_filter code[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, third),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, flag),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flag, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof code / sizeof *code, code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void try_pools(const char* what) {
    int results[2]{};
    std::size_t size = 0;
    for (const cf::StartMethod method : {cf::StartMethod::spawn, cf::StartMethod::fork}) {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = method});
        results[method == cf::StartMethod::fork] = pool.submit(square, 12).result();
        size = pool.submit(large, std::size_t{8} << 20).result().size();
    }
    std::printf("%s: spawn %d, fork %d, %zu bytes\n", what, results[0], results[1], size);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    if (!refuse(SYS_memfd_create, 0, EPERM)) {
        std::puts("skipped: no seccomp filter here");
        return 0;
    }
    try_pools("memfd_create");
    try {
        cf::SharedArray<int> array(100);
        std::puts("wrong: a SharedArray was made");
    } catch (const std::system_error& error) {
        std::printf("memfd_create: SharedArray: %s\n", error.what());
    }
    if (!refuse(SYS_openat, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP)) return 1;
    try_pools("O_TMPFILE as well");
    if (!refuse(SYS_openat, O_CREAT, EROFS)) return 1;
    try {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
        std::printf("wrong: %d\n", pool.submit(square, 12).result());
    } catch (const std::exception& error) {
        std::printf("new files as well: %s\n", error.what());
    }
    return 0;
}
