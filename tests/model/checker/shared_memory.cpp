// SPDX-License-Identifier: MIT
//
// shared_memory.cpp: what a process pool and its worker share, under the model checker. Two threads stand for the two
// processes; a pipe that wakes is a mutex and a condition variable.
#include <concurrent/futures/detail/wire/byte_ring.hpp>
#include <concurrent/futures/detail/processes/control_page.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;
using Value = model::Watched<int>;
using Ring = detail::ByteRingOf<2>;

/// Wakes one sleeper per ring().
class Pipe {
  public:
    void ring() {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return rung_; });
        rung_ = false;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool rung_ = false;
};

MODEL("a ring hands over what was done before publish()") {
    const auto ring = std::make_unique<Ring>();
    Value beside(0);
    std::thread other([&] {
        detail::RingWriterOf<Ring> writer(*ring);
        beside.set(1);
        const std::array byte{std::byte{7}};
        writer.write(byte);
        writer.publish();
    });
    detail::RingReaderOf<Ring> reader(*ring);
    if (reader.available() == 1) expect(beside.get() == 1, "the value");
    other.join();
}

MODEL("a ring gives room when what was in it is not needed any more") {
    const auto ring = std::make_unique<Ring>();
    Value place(1);  // stands for the bytes
    const std::array two{std::byte{1}, std::byte{2}};
    detail::RingWriterOf<Ring> writer(*ring);
    writer.write(two);
    writer.publish();
    std::thread other([&] {
        detail::RingReaderOf<Ring> reader(*ring);
        std::array<std::byte, 2> got;
        if (reader.available() != 2) return;
        expect(place.get() == 1, "the bytes");
        reader.read(got.data(), 2);
        reader.publish();
    });
    if (writer.room_for(1) > 0) place.set(2);
    other.join();
}

MODEL("no reader sleeps while there are bytes, and no writer while there is room") {
    const auto ring = std::make_unique<Ring>();
    detail::Bell of_reader, of_writer;
    Pipe to_reader, to_writer;
    constexpr int count = 3;
    std::thread other([&] {
        detail::RingWriterOf<Ring> writer(*ring);
        for (int sent = 0; sent < count; ++sent) {
            const std::array byte{static_cast<std::byte>(sent)};
            while (writer.write(byte) == 0) {
                of_writer.expect(detail::Bell::room);
                if (!writer.may_have_room()) to_writer.wait();
                of_writer.forget();
            }
            writer.publish();
            if (of_reader.must_ring(detail::Bell::bytes)) to_reader.ring();
        }
    });
    detail::RingReaderOf<Ring> reader(*ring);
    for (int got = 0; got < count;) {
        const std::size_t size = reader.available();
        if (size == 0) {
            of_reader.expect(detail::Bell::bytes);
            if (!reader.has_news()) to_reader.wait();
            of_reader.forget();
            continue;
        }
        std::byte byte{};
        reader.read(&byte, 1);
        expect(byte == static_cast<std::byte>(got++), "this byte");
        reader.publish();
        if (of_writer.must_ring(detail::Bell::room)) to_writer.ring();
    }
    other.join();
}

MODEL("no writer sleeps while there is room, if it looks by room_for()") {
    const auto ring = std::make_unique<Ring>();
    detail::Bell of_writer;
    Pipe to_writer;
    const std::array two{std::byte{1}, std::byte{2}};
    std::thread other([&] {
        detail::RingReaderOf<Ring> reader(*ring);
        std::array<std::byte, 2> got;
        while (reader.available() != 2) std::this_thread::yield();
        reader.read(got.data(), 2);
        reader.publish();
        if (of_writer.must_ring(detail::Bell::room)) to_writer.ring();
    });
    detail::RingWriterOf<Ring> writer(*ring);
    writer.write(two);
    writer.publish();
    while (writer.room_for(1) == 0) {
        of_writer.expect(detail::Bell::room);
        if (writer.room_for(1) == 0) to_writer.wait();
        of_writer.forget();
    }
    other.join();
}

MODEL("of two that may ring a bell one does") {
    detail::Bell bell;
    bell.expect(detail::Bell::bytes);
    int rung = 0;
    std::atomic<int> here{0};
    std::thread other([&] { here = bell.must_ring(detail::Bell::bytes); });
    rung = bell.must_ring(detail::Bell::bytes);
    other.join();
    expect(rung + here == 1, "one of them");
}

namespace {

thread_local bool writes = false;

/// A ring of one byte that knows who reads and who writes it.
struct WatchedRing {
    static constexpr std::size_t capacity = 1;
    detail::Atomic<std::uint64_t> written{0}, read{0};
    struct Bytes {
        Value place{0};
        std::array<std::byte, 1> byte{};
        std::byte* data() {
            writes ? place.set(1) : static_cast<void>(place.get());
            return byte.data();
        }
    } bytes;
    bool has_moved_beyond(std::uint64_t position) const noexcept { return written.load() != position; }
};

}  // namespace

MODEL("a ring: no byte is read and written at once") {
    const auto ring = std::make_unique<WatchedRing>();
    std::thread other([&] {
        writes = true;
        detail::RingWriterOf<WatchedRing> writer(*ring);
        const std::array byte{std::byte{1}};
        for (int sent = 0; sent < 2; ++sent) {
            while (writer.write(byte) == 0) std::this_thread::yield();
            writer.publish();
        }
    });
    detail::RingReaderOf<WatchedRing> reader(*ring);
    for (int got = 0; got < 2; ++got) {
        while (reader.available() == 0) std::this_thread::yield();
        std::byte byte{};
        reader.read(&byte, 1);
        reader.publish();
    }
    other.join();
}

MODEL("a task is revoked or started, not both") {
    const auto page = std::make_unique<detail::ControlPage>();
    page->put(3, 17);
    bool started = false, revoked = false;
    std::thread worker([&] { started = page->start(3, 17); });
    revoked = page->try_revoke(3, 17);
    worker.join();
    expect(started != revoked, "one of them");
}

MODEL("a task that has started shows when, and one that has ended too") {
    const auto page = std::make_unique<detail::ControlPage>();
    page->record_end_times();
    page->put(3, 17);
    std::thread worker([&] {
        if (page->start(3, 17)) page->end(3, 17);
    });
    const detail::SlotState state = page->state(3, 17);
    if (state == detail::SlotState::running || state == detail::SlotState::done)
        expect(page->started(3) > 0, "when it started");
    if (state == detail::SlotState::done) expect(page->ended(3) >= page->started(3), "when it ended");
    worker.join();
}

MODEL("a task that was not revoked any more shows when it started") {
    const auto page = std::make_unique<detail::ControlPage>();
    page->put(3, 17);
    std::thread worker([&] { page->start(3, 17); });
    if (!page->try_revoke(3, 17)) expect(page->started(3) > 0, "when it started");
    worker.join();
}
