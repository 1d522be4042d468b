// SPDX-License-Identifier: MIT
//
// The contract of every pool, part 7: the bound on what waits, max_pending.
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

struct BoundedThreads : cf::ThreadPoolExecutor {
    explicit BoundedThreads(cf::Count workers)
        : cf::ThreadPoolExecutor(cf::ThreadPoolOptions{.max_workers = workers, .max_pending = 1}) {}
};

#if CONTRACT_HAS_PROCESSES
struct BoundedSpawned : cf::ProcessPoolExecutor {
    explicit BoundedSpawned(cf::Count workers)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{
              .max_workers = workers, .start_method = cf::StartMethod::spawn, .max_pending = 1}) {}
};

struct BoundedForked : cf::ProcessPoolExecutor {
    explicit BoundedForked(cf::Count workers)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{
              .max_workers = workers, .start_method = cf::StartMethod::fork, .max_pending = 1}) {}
};
#endif

#if defined(CONTRACT_MPI)
struct BoundedRanks : cf::MPIPoolExecutor {
    explicit BoundedRanks(cf::Count workers)
        : cf::MPIPoolExecutor(cf::MPIPoolOptions{.max_workers = workers, .max_pending = 1}) {}
};
#endif

#if defined(CONTRACT_MPI)
#define BOUNDED_POOLS BoundedRanks
#elif !CONTRACT_HAS_PROCESSES
#define BOUNDED_POOLS BoundedThreads
#elif CONCURRENT_FUTURES_TSAN
#define BOUNDED_POOLS BoundedThreads, BoundedSpawned
#else
#define BOUNDED_POOLS BoundedThreads, BoundedSpawned, BoundedForked
#endif

/// Submits and submits, so that it is soon held up at the bound; a pool of processes takes some more than the
/// bound because it sends them ahead.
template <class Pool>
class Submitter {
  public:
    Submitter(Pool& pool, std::size_t calls) : thread_([this, &pool, calls] {
        for (std::size_t i = 0; i < calls; ++i) {
            auto future = pool.submit(square, static_cast<int>(i));
            const std::lock_guard lock(mutex_);
            futures_.push_back(std::move(future));
        }
        ended_ = true;
    }) {}

    std::vector<cf::Future<int>> futures() const {
        const std::lock_guard lock(mutex_);
        return futures_;
    }
    bool ended() const { return ended_; }

  private:
    mutable std::mutex mutex_;
    std::vector<cf::Future<int>> futures_;  // guarded by mutex_
    std::atomic<bool> ended_{false};
    std::jthread thread_;
};

TEMPLATE_TEST_CASE("cancel() of a waiting call lets in one who waits for room", "[contract]", BOUNDED_POOLS) {
    constexpr std::size_t calls = 200;
    BusyPool<TestType> busy;
    Submitter<TestType> submitter(busy.pool, calls);
    // The worker stays busy: only cancel() makes room, and each one must let the submitter on.
    std::size_t cancelled = 0, refused = 0;
    const bool all_let_in = support::eventually([&] {
        const auto futures = submitter.futures();
        for (; cancelled < futures.size(); ++cancelled) refused += !futures[cancelled].cancel();
        return cancelled == calls;
    });
    CHECK(all_let_in);
    CHECK(refused == 0);
    busy.open();  // where that failed the submitter must end all the same
}

TEMPLATE_TEST_CASE("while nothing is cancelled and nothing ends who waits for room goes on waiting", "[contract]",
                   BOUNDED_POOLS) {
    BusyPool<TestType> busy;
    Submitter<TestType> submitter(busy.pool, 200);
    CHECK(support::eventually([&] { return submitter.futures().size() >= 1; }));
    CHECK_FALSE(submitter.ended());
    busy.open();
    CHECK(support::eventually([&] { return submitter.ended(); }));
    int expected = 0;
    for (const auto& future : submitter.futures()) {
        CHECK(future.result() == expected * expected);
        ++expected;
    }
}

}  // namespace
}  // namespace contract
