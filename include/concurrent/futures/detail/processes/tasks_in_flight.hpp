// SPDX-License-Identifier: MIT
//
// tasks_in_flight.hpp: the tasks that one worker of a process pool has, each in a slot of the worker's control page.
//
//     const std::size_t slot = tasks.free_slot();
//     tasks.put(task, slot);
//     if (tasks.try_revoke(task, page)) …                    // the worker will skip it
//     if (InFlight* entry = tasks.find(slot, id)) RemoteTask* task = tasks.take(*entry);
//
// Ownership: an entry holds one reference to its task. Threads: with the pool's mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct InFlight {
    RemoteTask* task = nullptr;  // null: the slot is free
    std::uint64_t id = 0;
    bool revoked = false;  // the worker will skip it
    bool limited = false;  // it may have to be ended, see deadline_enforcer.hpp
    std::int64_t paused = 0;  // nanoseconds in which the pool's process did not run, of those of the task
};

class TasksInFlight {
  public:
    using Table = std::array<InFlight, ControlPage::slot_count>;

    std::size_t in_flight() const noexcept { return in_flight_; }
    /// Those that are not cancelled.
    std::size_t wanted() const noexcept { return in_flight_ - revoked_; }
    /// In the worker's life, without those revoked.
    std::size_t given() const noexcept { return given_; }
    /// Those that may have to be ended.
    std::size_t limited() const noexcept { return limited_; }
    /// By slot.
    Table& table() noexcept { return table_; }
    const Table& table() const noexcept { return table_; }

    /// There must be one.
    std::size_t free_slot() noexcept {
        while (table_[next_slot_].task) next_slot_ = (next_slot_ + 1) % table_.size();
        return next_slot_;
    }
    /// Takes over the manager's reference.
    void put(RemoteTask& task, std::size_t slot) noexcept {
        table_[slot] = {&task, task.id};
        if (task.has_limit()) limit(table_[slot]);
        ++in_flight_;
        ++given_;
    }
    void limit(InFlight& entry) noexcept {
        if (!std::exchange(entry.limited, true)) ++limited_;
    }
    /// True when the worker, whose page it is, will not run the task. Its slot stays taken until the worker has skipped it.
    bool try_revoke(const RemoteTask& task, ControlPage& page) noexcept {
        InFlight& entry = table_[task.slot];
        if (entry.task != &task || entry.revoked || !page.try_revoke(task.slot, task.id)) return false;
        entry.revoked = true;
        ++revoked_;
        --given_;
        return true;
    }
    /// The entry that a message of the worker speaks of; null if it has no right to.
    InFlight* find(std::size_t slot, std::uint64_t task) noexcept {
        if (slot >= table_.size() || !table_[slot].task || table_[slot].id != task) return nullptr;
        return &table_[slot];
    }
    /// Frees the slot and gives back the reference to the task.
    RemoteTask* take(InFlight& entry) noexcept {
        --in_flight_;
        if (entry.revoked) --revoked_;
        if (entry.limited) --limited_;
        return std::exchange(entry, InFlight{}).task;
    }

  private:
    Table table_{};
    std::size_t next_slot_ = 0;  // in turn: neighbours in the page are written at about the same time
    std::size_t in_flight_ = 0;
    std::size_t revoked_ = 0;  // of those in flight
    std::size_t limited_ = 0;  // of those in flight
    std::size_t given_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
