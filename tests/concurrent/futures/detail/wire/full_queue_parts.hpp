// SPDX-License-Identifier: MIT
//
// full_queue_parts.hpp: a submitter waits for room in a full queue, and something changes meanwhile.
//
//     bool taken = parts::wait_while_changing(mutex, changed, [&](auto& lock) { return room.wait(lock, …); }, change);
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace parts {

/// `wait(lock)`, in this thread. When it sleeps, or is about to, another thread calls `change()` with the mutex and notifies.
template <class Wait, class Change>
bool wait_while_changing(std::mutex& mutex, std::condition_variable& changed, Wait wait, Change change) {
    std::unique_lock lock(mutex);
    std::thread other([&] {
        const std::lock_guard other_lock(mutex);  // the submitter lets go of it in order to wait
        change();
        changed.notify_all();
    });
    struct Join {
        std::unique_lock<std::mutex>& lock;
        std::thread& thread;
        ~Join() {
            if (lock.owns_lock()) lock.unlock();
            thread.join();
        }
    };
    const Join join{lock, other};
    return wait(lock);
}

}  // namespace parts
