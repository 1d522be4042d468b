// SPDX-License-Identifier: MIT
//
// Large arguments and results, which go through shared memory: they arrive, and the memory comes back.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "support/file_size_limit.hpp"
#include "support/processes.hpp"

namespace process_pools {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
using Numbers = std::vector<double>;

Numbers counted(std::size_t count) {
    Numbers numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0.5);
    return numbers;
}
Numbers echo(const Numbers& numbers) { return numbers; }
double sum(std::span<const double> numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}
std::size_t length(std::string_view text) { return text.size(); }
std::map<int, std::string> mirrored(const std::map<int, std::string>& table) {
    std::map<int, std::string> result;
    for (const auto& [key, value] : table) result.emplace(-key, value);
    return result;
}
/// The first time.
double die_or_sum(std::span<const double> numbers, const std::string& mark) {
    support::append_line(mark, "started");
    std::ifstream lines(mark);
    std::string line;
    int count = 0;
    while (std::getline(lines, line)) ++count;
    if (count == 1) ::raise(SIGKILL);
    return sum(numbers);
}
[[noreturn]] void throw_long(std::size_t size) { throw std::runtime_error(std::string(size, 'w')); }


/// Memory behind what this process shares with its workers, beyond a page for each.
std::size_t shared_bytes() {
    std::size_t sum = 0;
    for (int fd = 0; fd < 1024; ++fd) {
        struct stat about{};
        if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_nlink != 0) continue;
        if (about.st_size < static_cast<off_t>(64 * mebibyte)) continue;
        sum += static_cast<std::size_t>(about.st_blocks) * 512 / mebibyte * mebibyte;
    }
    return sum;
}

void exchange_large_values(cf::ProcessPoolExecutor& pool) {
    const Numbers numbers = counted(mebibyte);  // 8 MiB
    CHECK(pool.submit(echo, numbers).result() == numbers);
    CHECK(pool.submit(sum, numbers).result() == sum(numbers));
    CHECK(pool.submit(length, std::string(3 * mebibyte, 's')).result() == 3 * mebibyte);
    std::map<int, std::string> table;
    for (int i = 0; i < 20'000; ++i) table.emplace(i, std::to_string(i));
    CHECK(pool.submit(mirrored, table).result() == mirrored(table));
    // Around the size from which on memory is shared.
    for (const std::size_t size : {4000U, 4096U, 5000U, 8192U, 9000U, 16'384U, 70'000U}) {
        const Numbers some = counted(size);
        CHECK(pool.submit(echo, some).result() == some);
    }
    const auto error = error_of<std::runtime_error>(pool.submit(throw_long, mebibyte));
    CHECK(error.what() == std::string(mebibyte, 'w'));
    pool.post(echo, numbers);
    const std::vector<Numbers> many(5, numbers);
    for (const Numbers& returned : pool.map(echo, many)) CHECK(returned == numbers);
}

PROCESS_CASE("large arguments and results arrive as they are, with and without shared memory") {
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        exchange_large_values(pool);
        // An argument that waits keeps its memory; what is unused may have gone back to the system by now.
        BusyWorker one(pool);
        BusyWorker other(pool);
        const auto waiting = pool.submit(length, std::string(3 * mebibyte, 's'));
        CHECK(shared_bytes() > 0);
        one.open();
        other.open();
        CHECK(waiting.result() == 3 * mebibyte);
    }
    CHECK(shared_bytes() == 0);
    const support::FileSizeLimit limit(mebibyte);
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    exchange_large_values(pool);
    CHECK(shared_bytes() == 0);
}

PROCESS_CASE("a call that runs again after a death gets the same large argument") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .on_worker_death = cf::WorkerDeath::retry_task}));
    const Numbers numbers = counted(mebibyte);
    CHECK(pool.submit(die_or_sum, numbers, log.path()).result() == sum(numbers));
    CHECK(log.lines().size() == 2);
}

TEST_CASE("calls that have ended leave their memory to the next ones, though their futures live on", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    const Numbers numbers = counted(mebibyte);
    std::vector<cf::Future<Numbers>> futures;
    for (int i = 0; i < 10; ++i) {
        futures.push_back(pool.submit(echo, numbers));
        futures.back().wait();
    }
    // Two of each at most, once the manager has freed what is left of the others.
    CHECK(support::eventually([] { return shared_bytes() <= 4 * 9 * mebibyte; }));
    for (const auto& future : futures) CHECK(future.result() == numbers);
}

TEST_CASE("after a burst the memory goes back to the system", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    BusyWorker busy(pool);
    const Numbers numbers = counted(mebibyte);
    std::vector<cf::Future<Numbers>> futures;
    for (int i = 0; i < 5; ++i) futures.push_back(pool.submit(echo, numbers));
    CHECK(shared_bytes() >= 5 * 8 * mebibyte);
    CHECK(futures.back().cancel());
    busy.open();
    cf::wait(futures);
    CHECK(support::eventually([] { return shared_bytes() == 0; }));
    CHECK(pool.submit(echo, numbers).result() == numbers);
}

TEST_CASE("a worker that dies takes its large results along, not those that had arrived", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    const Numbers numbers = counted(mebibyte);
    for (int i = 0; i < 3; ++i) {
        const auto before = pool.submit(echo, numbers);
        const auto fatal = pool.submit([] { return ::raise(SIGKILL); });
        const auto after = pool.submit(sum, numbers);
        CHECK(before.result() == numbers);
        error_of<cf::WorkerDiedError>(fatal);
        CHECK(after.result() == sum(numbers));
    }
    CHECK(support::eventually([] { return shared_bytes() == 0; }));
}

TEST_CASE("futures with large arguments in flight may be dropped in a fork of the program", "[process_pool]") {
    if (support::sanitized) SKIP("ThreadSanitizer cannot follow a fork of a process with threads");
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    BusyWorker busy(pool);
    auto future = std::make_unique<cf::Future<double>>(pool.submit(sum, counted(mebibyte)));
    const pid_t child = ::fork();
    if (child == 0) {
        future.reset();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(status == 0);
    busy.open();
    CHECK(future->result() == sum(counted(mebibyte)));
}

}  // namespace
}  // namespace process_pools
