// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(set-user-ID: main runs, CONCURRENT_FUTURES_\* has no effect|skipped: .*)$
// expect-output: ^(set-user-ID: refused, real user id 65534 and the effective user id 0|skipped: .*)$
// expect-output: ^(set-user-ID, given up: worker 65534 65534 65534, capabilities 0|skipped: .*)$
// expect-output: ^(file with capabilities: refused|skipped: .*)$
// expect-output: ^(root, given up: worker 65534 65534 65534, capabilities 0|skipped: .*)$
// expect-output: ^(root without capabilities: worker 0 0 0, capabilities 0|skipped: .*)$
// expect-output: ^(root, given up after a forked pool was made: refused|skipped: .*)$
// timeout-seconds: 120
//
// A worker never has more rights than the process with the pool, also where executing the program's file gives
// rights. A program with the rights of its file believes nothing that its starter put into the environment. Needs
// root, for a copy of this program that is set-user-ID.
#include <concurrent/futures/process_pool_executor.hpp>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "support/deadline.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

static constexpr uid_t nobody = 65534;

static bool become_nobody() {
    return (::geteuid() != 0 || ::setgroups(0, nullptr) == 0) && ::setresgid(nobody, nobody, nobody) == 0 &&
           ::setresuid(nobody, nobody, nobody) == 0;
}
static bool drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    return ::syscall(SYS_capset, &header, none) == 0;
}

static std::string rights() {
    uid_t real = 0, effective = 0, saved = 0;
    ::getresuid(&real, &effective, &saved);
    return "worker " + std::to_string(real) + ' ' + std::to_string(effective) + ' ' + std::to_string(saved) +
           ", capabilities " + std::to_string(cf::detail::ProcessRights::of_this_thread().capabilities());
}
static std::string rights_of_spawned() {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    return pool.submit(rights).result(support::deadline(30s));
}
static void say(const std::string& text) {
    std::puts(text.c_str());
    std::fflush(stdout);
}

/// What the copies do.
static int play(const std::string& part) {
    if (part == "set-user-ID") {
        say("set-user-ID: main runs, CONCURRENT_FUTURES_* has no effect");
        const auto refusal = [] {
            try {
                return "not refused: " + rights_of_spawned();
            } catch (const cf::BrokenProcessPool& error) {
                const std::string text = error.what();
                const std::size_t begin = text.find("real user id");
                return "refused, " + text.substr(begin, text.find('.', begin) - begin);
            }
        };
        say("set-user-ID: " + refusal());
        if (!become_nobody()) return 2;
        say("set-user-ID, given up: " + rights_of_spawned());
    } else if (part == "file with capabilities") {
        try {
            say("file with capabilities: not refused, " + rights_of_spawned());
        } catch (const cf::BrokenProcessPool& error) {
            const bool says_why = std::strstr(error.what(), "has capabilities") != nullptr;
            say(std::string("file with capabilities: ") + (says_why ? "refused" : error.what()));
        }
    } else if (part == "root") {
        if (!become_nobody()) return 2;
        say("root, given up: " + rights_of_spawned());
    } else if (part == "capabilities") {
        if (!drop_capabilities()) return 2;
        say("root without capabilities: " + rights_of_spawned());
    } else if (part == "forked") {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::fork});
        if (!become_nobody()) return 2;
        try {
            say("root, given up after a forked pool was made: " + pool.submit(rights).result());
        } catch (const cf::BrokenProcessPool& error) {
            const bool says_why = std::strstr(error.what(), "has given up rights since") != nullptr;
            say(std::string("root, given up after a forked pool was made: ") + (says_why ? "refused" : error.what()));
        }
    }
    return 0;
}

static bool run(const std::string& file, const char* part, bool as_nobody) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (as_nobody) {
            // What a starter could say. It must make no difference.
            ::setenv("CONCURRENT_FUTURES_WORKER", (std::to_string(::getppid()) + ":1:0").c_str(), 1);
            ::setenv("CONCURRENT_FUTURES_INLINE", "1", 1);
            if (!become_nobody()) ::_exit(2);
        }
        ::execl(file.c_str(), file.c_str(), part, nullptr);
        ::_exit(2);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool give_a_capability(const std::string& file) {
    vfs_cap_data data{};
    data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
    data.data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
    return ::chmod(file.c_str(), 0755) == 0 &&
           ::setxattr(file.c_str(), "security.capability", &data, sizeof data, 0) == 0;
}

static int skip(const char* reason) {
    std::printf("skipped: %s\n", reason);
    return 0;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (argc > 1) return play(argv[1]);
    if (::geteuid() != 0) return skip("only root can make a set-user-ID copy of this program");
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return skip("this container gives no process new rights");
    if (CONCURRENT_FUTURES_TSAN) return skip("ThreadSanitizer needs a personality that set-user-ID programs lose");
    std::string folder = std::filesystem::temp_directory_path() / "cf_rights_XXXXXX";
    if (!::mkdtemp(folder.data()) || ::chmod(folder.c_str(), 0755) != 0) return 2;
    struct statvfs about {};
    const bool obeyed = ::statvfs(folder.c_str(), &about) == 0 && (about.f_flag & (ST_NOSUID | ST_NOEXEC)) == 0;
    const std::string file = folder + "/copy";
    std::error_code failed;
    std::filesystem::copy_file("/proc/self/exe", file, failed);
    int result = 2;
    if (!obeyed)
        result = skip("the temporary folder is mounted nosuid or noexec");
    else if (!failed && ::chmod(file.c_str(), 04755) == 0)
        result = run(file, "set-user-ID", true) && run(file, "root", false) && run(file, "capabilities", false) &&
                         run(file, "forked", false) &&
                         (give_a_capability(file) ? run(file, "file with capabilities", true)
                                                  : skip("this file system has no capabilities of files") == 0)
                     ? 0
                     : 1;
    std::filesystem::remove_all(folder, failed);
    return result;
}
