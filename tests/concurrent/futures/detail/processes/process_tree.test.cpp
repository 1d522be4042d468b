// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/process_tree.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <vector>

namespace {

using namespace concurrent::futures;
using namespace concurrent::futures::detail;

/// This process as a worker that may have so many processes below itself.
class AsWorker {
  public:
    explicit AsWorker(std::size_t allowance, std::size_t taken = 0) : AsWorker(1, allowance, taken) {}
    ~AsWorker() {
        program_start().depth = depth_;
        program_start().allowance = allowance_;
        program_start().taken.store(taken_);
    }

  private:
    AsWorker(int depth, std::size_t allowance, std::size_t taken) {
        program_start().depth = depth;
        program_start().allowance = allowance;
        program_start().taken.store(taken);
    }
    const int depth_ = program_start().depth;
    const std::size_t allowance_ = program_start().allowance;
    const std::size_t taken_ = program_start().taken.load();
};

bool add_share(std::vector<ProcessTreeShare>& shares, std::size_t workers) {
    try {
        shares.emplace_back(workers, workers);
        return true;
    } catch (const BrokenProcessPool&) {
        return false;
    }
}

/// How many processes there can be when every worker makes pools of `workers` until it is refused.
std::size_t processes_below(std::size_t allowance, std::size_t workers) {
    const AsWorker worker(allowance);
    std::vector<ProcessTreeShare> shares;
    std::size_t count = 0;
    while (add_share(shares, workers)) {
        const std::size_t each = shares.back().for_each_worker();
        count += shares.back().workers() * (1 + processes_below(each, workers));
    }
    return count;
}

TEST_CASE("however pools are nested, there are no more processes than the limit", "[process_tree]") {
    for (const std::size_t workers : {1U, 2U, 3U, 7U, 64U}) {
        INFO("pools of " << workers);
        const ProcessTreeShare first(workers, 2);
        CHECK(first.workers() == workers);
        const std::size_t all =
            workers * (1 + processes_below(first.for_each_worker(), workers));
        CHECK(all <= process_tree_limit(2));
    }
}

TEST_CASE("a chain of pools of one worker reaches the limit of depth first", "[process_tree]") {
    std::size_t each = ProcessTreeShare(1, 1).for_each_worker();
    for (int depth = 1; depth < depth_limit; ++depth) {
        const AsWorker worker(each);
        each = ProcessTreeShare(1, 1).for_each_worker();
    }
}

TEST_CASE("a pool gives its part back, and one that is refused takes nothing", "[process_tree]") {
    const AsWorker worker(10);
    {
        const ProcessTreeShare two(2, 8);
        CHECK(two.for_each_worker() == 2);  // (10 - 2) / 3
        CHECK(program_start().taken.load() == 6);
        CHECK_THROWS_AS(ProcessTreeShare(5, 8), BrokenProcessPool);
        CHECK(program_start().taken.load() == 6);
        CHECK(ProcessTreeShare(0, 8).workers() == 4);  // what is left
    }
    CHECK(program_start().taken.load() == 0);
    ProcessTreeShare ten(10, 8);
    CHECK_THROWS_AS(ProcessTreeShare(0, 8), BrokenProcessPool);
    ProcessTreeShare moved(std::move(ten));
    CHECK(program_start().taken.load() == 10);
    moved.give_back();
    moved.give_back();
    CHECK(program_start().taken.load() == 0);
}

TEST_CASE("pools of the program itself do not take from each other", "[process_tree]") {
    const ProcessTreeShare first(2, 2);
    const ProcessTreeShare second(2, 2);
    CHECK(first.for_each_worker() == 511);
    CHECK(second.for_each_worker() == 511);
    CHECK(ProcessTreeShare(4096, 2).for_each_worker() == 0);
    CHECK(ProcessTreeShare(0, 64).workers() == 64);
    CHECK(process_tree_limit(64) == 8192);
}

}  // namespace
