// SPDX-License-Identifier: MIT
//
// Questions of docs/surroundings.md about libraries in fork children and on few processors. One library at a time:
//     c++ -std=c++17 -DOPENBLAS libraries.cpp -o libraries -pthread -lopenblas && ./libraries fork
// OPENBLAS: -lopenblas. TBB: -ltbb. LIBOMP: clang++-16 -fopenmp. UV: -luv. QT: -fPIC $(pkg-config --cflags --libs
// Qt5Concurrent). POCO: -lPocoFoundation. ASIO, INTERPROCESS: Boost's headers, -lrt. BOOST_THREAD: -lboost_thread
// -lboost_chrono -lboost_system. DISPATCH: clang++ -ldispatch. NEW, for preloaded allocators: nothing.
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

static const int unbuffered = std::setvbuf(stdout, nullptr, _IONBF, 0);
static bool is(char** words, const char* name) { return words[1] && std::strcmp(words[1], name) == 0; }
/// Runs `f` in a fork child, which SIGALRM ends after five seconds, and prints how it ended.
template <class F>
void in_child(F f) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(5);
        f();
        std::_Exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) std::printf("the child was ended by signal %d\n", WTERMSIG(status));
    else std::printf("the child ended with %d\n", WEXITSTATUS(status));
}
static std::atomic<int> running{0}, most{0};
/// Counts how many run at a time; in between `f` naps or computes for a second.
template <class F>
void counted(F f) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
    f();
    --running;
}
static void nap() { ::usleep(1'000'000); }
static void compute() {
    const auto start = ::clock();
    while (::clock() - start < CLOCKS_PER_SEC / 2) {}
}
static int threads_here() {
    int count = 0;
    if (std::FILE* const file = std::fopen("/proc/self/status", "r")) {
        char line[256];
        while (std::fgets(line, sizeof line, file))
            if (std::sscanf(line, "Threads: %d", &count) == 1) break;
        std::fclose(file);
    }
    return count;
}

#if defined(OPENBLAS)
#include <cblas.h>
static double silently(int n) {
    const std::vector<double> a(n * n, 1), b(n * n, 2);
    std::vector<double> c(n * n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
    return c[0];
}
static void multiply(int n) {
    std::printf("%s, %d threads\n", silently(n) == 2 * n ? "right" : "wrong", threads_here());
}
int main(int, char** words) {
    multiply(300);
    if (is(words, "fork")) in_child([] { multiply(300); });
    if (is(words, "busy")) {  // fork() while another thread computes
        std::thread other([] {
            while (true) silently(300);
        });
        ::usleep(50'000);
        ::alarm(10);
        in_child([] { multiply(300); });
        std::_Exit(0);
    }
    if (is(words, "narrow")) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(0, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        std::printf("one processor, %d threads\n", openblas_get_num_threads());
    }
}
#elif defined(TBB)
#include <tbb/parallel_for.h>
static void sum() {
    std::atomic<int> total{0};
    tbb::parallel_for(0, 1000, [&](int i) { total += i; });
    std::printf("%d, %d threads\n", total.load(), threads_here());
}
int main(int, char** words) {
    if (is(words, "fork")) sum(), in_child(sum);
    if (is(words, "widen")) {  // under taskset -c 0
        std::printf("%d\n", tbb::this_task_arena::max_concurrency());
        cpu_set_t both;
        CPU_ZERO(&both);
        CPU_SET(0, &both);
        CPU_SET(1, &both);
        ::sched_setaffinity(0, sizeof both, &both);
        std::printf("mask of both processors: %d\n", tbb::this_task_arena::max_concurrency());
    }
}
#elif defined(LIBOMP)
#include <omp.h>
static void region() {
    int count = 0;
#pragma omp parallel reduction(+ : count)
    ++count;
    std::printf("%d threads\n", count);
}
int main() { region(), in_child(region); }
#elif defined(UV)
#include <uv.h>
static void work() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_work_t request;
    const auto done = [](uv_work_t*, int status) { std::printf("done %d\n", status); };
    uv_queue_work(&loop, &request, [](uv_work_t*) {}, done);
    uv_run(&loop, UV_RUN_DEFAULT);
}
int main() { work(), in_child(work); }
#elif defined(QT)
#include <QThread>
#include <QtConcurrent>
static void work() { std::printf("%d\n", QtConcurrent::run([] { return 42; }).result()); }
int main(int, char** words) {
    if (is(words, "fork")) work(), in_child(work);
    if (is(words, "processors")) std::printf("%d\n", QThread::idealThreadCount());
}
#elif defined(POCO)
#include <Poco/Process.h>
#include <Poco/Runnable.h>
#include <Poco/ThreadPool.h>
#include <fcntl.h>
struct Throws : Poco::Runnable {
    void run() override { throw 1; }
};
struct Says : Poco::Runnable {
    void run() override { std::puts("next task"); }
};
int main(int, char** words) {
    if (is(words, "throw")) {
        Poco::ThreadPool pool(1, 1);
        Throws throws;
        Says says;
        pool.start(throws);
        pool.joinAll();
        pool.start(says);
        pool.joinAll();
    }
    if (is(words, "descriptors")) {
        ::dup2(1, 9);
        Poco::Process::launch("/bin/sh", {"-c", "test -e /proc/self/fd/9 && echo open || echo closed"}).wait();
    }
}
#elif defined(ASIO)
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
int main(int, char** words) {
    boost::asio::thread_pool pool(1);
    if (is(words, "throw")) boost::asio::post(pool, [] { throw 1; });
    if (is(words, "fork"))
        in_child([&] {
            boost::asio::post(pool, [] { std::puts("the task ran"); });
            pool.join();
            std::puts("join() has returned");
        });
    pool.join();
}
#elif defined(BOOST_THREAD)
#define BOOST_THREAD_VERSION 4
#define BOOST_THREAD_PROVIDES_EXECUTORS
#include <boost/thread/executors/basic_thread_pool.hpp>
int main() {
    boost::basic_thread_pool pool(1);
    pool.submit([] { throw 1; });
    pool.close();
    pool.join();
    std::puts("goes on");
}
#elif defined(INTERPROCESS)
#include <boost/date_time/posix_time/posix_time.hpp>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
namespace ipc = boost::interprocess;
namespace times = boost::posix_time;
static auto in_two_seconds() { return times::microsec_clock::universal_time() + times::seconds(2); }
int main(int, char** words) {
    if (is(words, "mutex")) {
        const auto memory = ipc::anonymous_shared_memory(4096);
        auto* const mutex = new (memory.get_address()) ipc::interprocess_mutex;
        in_child([&] { mutex->lock(); });
        const bool locked = mutex->timed_lock(in_two_seconds());
        std::printf("locked after its owner ended: %s\n", locked ? "yes" : "no, in two seconds");
    }
    if (is(words, "queue")) {  // a sender is killed while it waits for room
        const std::string name = "surroundings-" + std::to_string(::getpid());
        ipc::message_queue queue(ipc::create_only, name.c_str(), 1, sizeof(int));
        int number = 1;
        queue.send(&number, sizeof number, 0);
        in_child([&] {
            ::alarm(1);
            queue.send(&number, sizeof number, 0);
        });
        std::size_t size = 0;
        unsigned priority = 0;
        std::printf("received: %d\n", queue.timed_receive(&number, sizeof number, size, priority, in_two_seconds()));
        std::printf("sent: %d\n", queue.timed_send(&number, sizeof number, 0, in_two_seconds()));
        ipc::message_queue::remove(name.c_str());
    }
}
#elif defined(NEW)
int main() {
    try {
        const std::vector<char> large(std::size_t{1} << 30);
        std::puts("there is memory");
    } catch (const std::bad_alloc&) {
        std::puts("std::bad_alloc");
    }
}
#elif defined(DISPATCH)
#include <dispatch/dispatch.h>
static void start(dispatch_group_t group, dispatch_function_t f) {
    dispatch_group_async_f(group, dispatch_get_global_queue(0, 0), nullptr, f);
}
static void one() {
    dispatch_group_t group = dispatch_group_create();
    start(group, [](void*) { std::puts("ran"); });
    dispatch_group_wait(group, DISPATCH_TIME_FOREVER);
}
int main(int, char** words) {
    if (is(words, "fork")) return one(), in_child(one), 0;
    dispatch_group_t group = dispatch_group_create();
    const bool naps = is(words, "nap");
    for (int i = 0; i < (naps ? 100 : 4); ++i) {
        if (naps) start(group, [](void*) { counted(nap); });
        else start(group, [](void*) { counted(compute); });
    }
    dispatch_group_wait(group, DISPATCH_TIME_FOREVER);
    std::printf("at most %d at a time\n", most.load());
}
#endif
