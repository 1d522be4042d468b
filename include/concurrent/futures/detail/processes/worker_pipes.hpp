// SPDX-License-Identifier: MIT
//
// worker_pipes.hpp: the pool's ends of the two pipes of a worker, in which a byte wakes the side that sleeps; the messages
// are in the rings (worker_page.hpp). The end of a pipe tells that the other process is gone.
//
//     pipes.note_bytes_written();  pipes.ring();            // wakes the worker if it sleeps for bytes
//     pipes.expect(Bell::bytes);   …poll(pipes.result_fd())…   pipes.take_wake_ups();
//
// Nothing here blocks. Threads: as the worker's WorkerLink.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/wire/byte_ring.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerPipes {
  public:
    WorkerPipes(Bell& worker_bell, Bell& pool_bell) noexcept : worker_bell_(worker_bell), pool_bell_(pool_bell) {}

    /// Both do not block. `tasks`: the write end; `results`: the read end.
    void open(PoolDescriptor tasks, PoolDescriptor results) noexcept {
        tasks_ = std::move(tasks);
        results_ = std::move(results);
    }
    bool tasks_open() const noexcept { return static_cast<bool>(tasks_); }
    bool results_open() const noexcept { return static_cast<bool>(results_); }
    void close_tasks() noexcept { tasks_.reset(); }
    void close_results() noexcept { results_.reset(); }
    int result_fd() const noexcept { return results_.get(); }
    /// Where ring() is to be tried again; mostly none.
    int task_fd() const noexcept { return has_to_ring() ? tasks_.get() : -1; }

    // The pool sleeps.

    /// The worker writes to the results pipe when there is something of this kind, `Bell::bytes` or `Bell::room`. After this,
    /// look once more.
    void expect(std::uint32_t kinds) noexcept { pool_bell_.expect(kinds); }
    void expect_nothing() noexcept { pool_bell_.forget(); }
    /// Takes the wake-ups out of the results pipe. False when it has ended.
    bool take_wake_ups() noexcept {
        if (!results_) return true;
        std::array<std::byte, 64> sink;
        for (;;) {
            const IoResult result = read_some(results_.get(), sink.data(), sink.size());
            if (result.kind == IoResult::Kind::would_block) return true;
            if (result.kind != IoResult::Kind::moved) return false;
            if (result.size < sink.size()) return true;
        }
    }

    // The worker sleeps.

    /// The worker may wait for bytes, or for room.
    void note_bytes_written() noexcept { bytes_written_ = true; }
    void note_room_made() noexcept { room_made_ = true; }
    /// The worker sleeps and has something to do.
    bool must_ring() noexcept {
        if (std::exchange(bytes_written_, false) && worker_bell_.must_ring(Bell::bytes)) ring_again_ = true;
        if (std::exchange(room_made_, false) && worker_bell_.must_ring(Bell::room)) ring_again_ = true;
        return ring_again_;
    }
    /// Wakes the worker, if it must be. A broken pipe is no error here, because the death will be noticed, but it raises
    /// SIGPIPE.
    void ring() noexcept {
        if (!tasks_ || !must_ring()) return;
        const std::byte byte{};
        const iovec part{const_cast<std::byte*>(&byte), 1};
        const IoResult result = write_some(tasks_.get(), {&part, 1});
        ring_again_ = result.kind == IoResult::Kind::would_block;
        if (result.kind == IoResult::Kind::closed || result.kind == IoResult::Kind::failed) close_tasks();
    }
    /// The pipe was full: ring() must be called again.
    bool has_to_ring() const noexcept { return ring_again_ && tasks_; }

  private:
    Bell& worker_bell_;
    Bell& pool_bell_;
    PoolDescriptor tasks_;
    PoolDescriptor results_;
    bool bytes_written_ = false;
    bool room_made_ = false;
    bool ring_again_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
