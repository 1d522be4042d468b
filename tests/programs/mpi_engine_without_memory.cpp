// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^however little memory the engine of MPI pools has, its task and its pool end$
//
// From some allocation on, all of the engine thread of MPI pools fail. The only rank is this process.
#include <concurrent/futures/detail/mpi/local_port.hpp>
#include <concurrent/futures/detail/mpi/mpi_hub.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "support/counted_new.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Decoder;
using concurrent::futures::Priority;

int twice(int n) { return 2 * n; }

class Task final : public MpiTask {
  public:
    Task() : MpiTask(encode_call_into(ByteBuffer(), twice, 4)) {}
    void succeed(Decoder& result) noexcept override { is_right = ++ends == 1 && result.decode<int>() == 8; }
    bool try_succeed_untold(Decoder& result) noexcept override { return succeed(result), true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr error) noexcept override { is_right = ++ends == 1 && error; }
    void end_cancelled() noexcept override {}
    void retain() noexcept override {}
    void release() noexcept override {}

    int ends = 0;
    bool is_right = false;
};

/// The engine thread has so much memory from its first look for answers on.
class PortWithoutMemory final : public MpiPort {
  public:
    PortWithoutMemory(std::unique_ptr<MpiPort> port, long allocations) : port_(std::move(port)), allocations_(allocations) {}
    std::vector<int> ranks() const override { return port_->ranks(); }
    const RankCard& card(std::size_t peer) const override { return port_->card(peer); }
    void send(std::size_t peer, Outgoing& out) override { port_->send(peer, out); }
    bool poll(std::size_t& peer) override {
        if (const long left = std::exchange(allocations_, support::any_number); left != support::any_number)
            support::allocations_left = left;
        return port_->poll(peer);
    }
    std::optional<ReceivedFrame> next(std::size_t peer) override { return port_->next(peer); }
    bool needs_polling() const noexcept override { return port_->needs_polling(); }
    bool is_moving() const noexcept override { return port_->is_moving(); }
    void quit(const std::string& failure, bool in_order) noexcept override { port_->quit(failure, in_order); }

  private:
    const std::unique_ptr<MpiPort> port_;
    long allocations_;
};

bool ends_right(long allocations) {
    const auto hub = std::make_shared<MpiHub>();
    auto port = std::make_unique<LocalPort>(RankCard(), [&self = *hub] { self.wake(); });
    hub->open(std::make_unique<PortWithoutMemory>(std::move(port), allocations));
    const auto pool = std::make_shared<MpiPool>(hub, hub->lock_rule(), MpiSettings{.max_workers = 1});
    hub->add(pool);
    Task task;
    try {
        hub->submit(*pool, task, Priority::normal);
    } catch (const concurrent::futures::BrokenProcessPool&) {  // it has failed before
        task.fail(std::current_exception());
    }
    hub->close();
    return task.is_right;
}

}  // namespace

int main() {
    for (long allocations = 0; allocations < 100; ++allocations)
        if (!ends_right(allocations)) {
            std::printf("after %ld allocations: wrong\n", allocations);
            return 1;
        }
    std::printf("however little memory the engine of MPI pools has, its task and its pool end\n");
}
