// SPDX-License-Identifier: MIT
//
// mpi_hub_engine.hpp: the engine thread of MPI pools: steps while there is something to do, and how it waits.
// Included by mpi_hub.hpp, where the class and its picture are.
//
//     calls in flight                      look_pace.hpp
//     a thread waits for a result          sleeps: that thread looks. Looks itself each 2 ms, or 0.5 ms after it
//     no calls for 20 ms                   sleeps until a call is submitted
#pragma once

#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/mpi/rank_loop.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline MpiHub::~MpiHub() { retire_engine(); }

/// The bytes of an exception that says where calls of this rank run.
inline ByteBuffer encode_origin(const RankCard& card, int rank) {
    Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(Error("thrown on rank " + std::to_string(rank) + ", host " +
                                                            card.host_name() + ", process " +
                                                            std::to_string(card.pid))));
    return std::move(encoder).take();
}

inline void MpiHub::open(std::unique_ptr<MpiPort> port) {
    port_ = std::move(port);
    polls_ = port_->needs_polling();
    for (const int rank : port_->ranks()) {
        const std::size_t place = peers_.size();
        peers_.push_back(std::make_unique<RootPeer>(
            RootPeer{place, rank, encode_origin(port_->card(place), rank)}));
    }
}

inline void MpiHub::close(const std::string& failure) {
    std::vector<std::shared_ptr<MpiPool>> pools;
    {
        const std::lock_guard lock(mutex_);
        if (!port_) return;
        pools = pools_;
    }
    for (const auto& pool : pools) {
        begin_shutdown(*pool, false);
        join(*pool, Deadline::never());
    }
    std::unique_ptr<MpiPort> port;
    {
        const std::lock_guard lock(mutex_);
        port = std::move(port_);
    }
    if (port && broken_.empty()) port->quit(failure);
}

inline void MpiHub::add(const std::shared_ptr<MpiPool>& pool) {
    const std::lock_guard engine_lock(engine_mutex_);
    {
        const std::lock_guard lock(mutex_);
        if (!port_)
            throw BrokenProcessPool("MPIPoolExecutor: the ranks were released already, at the end of "
                                    "mpi_comm_executor or before MPI_Finalize; make the pool before that");
        if (!broken_.empty()) throw BrokenProcessPool(broken_);
        // A pool in pools_ is one that a rank may still know.
        last_pool_ = next_pool_number(last_pool_, [this](std::uint32_t number) {
            return std::any_of(pools_.begin(), pools_.end(), [&](const auto& each) { return each->number_ == number; });
        });
        pool->number_ = last_pool_;
        pool->configuration_ = encode_rank_configuration(pool->settings_.initializer, pool->settings_.worker_exit);
        const std::size_t workers = pool->settings_.max_workers == 0 ? peers_.size() : pool->settings_.max_workers;
        for (std::size_t worker = 0; worker < workers; ++worker) {
            RootPeer& peer = *peers_[worker % peers_.size()];
            const std::size_t number = worker / peers_.size();
            if (peer.lanes.size() == number) peer.lanes.push_back(std::make_unique<RootLane>(RootLane{&peer, number}));
            pool->lanes_.push_back(peer.lanes[number].get());
        }
        pools_.push_back(pool);
        if (std::exchange(engine_runs_, true)) return;
    }
    if (engine_.joinable()) engine_.join();  // it has ended
    try {
        engine_ = std::thread([self = shared_from_this()] { self->run(); });
    } catch (...) {
        const std::lock_guard lock(mutex_);
        pools_.pop_back();
        engine_runs_ = false;
        throw;
    }
}

/// Joins the engine thread if it has nothing to do any more.
inline void MpiHub::retire_engine() {
    const std::lock_guard engine_lock(engine_mutex_);
    {
        const std::lock_guard lock(mutex_);
        if (engine_runs_ && !pools_.empty()) return;
    }
    if (!engine_.joinable()) return;
    if (engine_.get_id() == std::this_thread::get_id())
        engine_.detach();  // the last owner went in a callback
    else
        engine_.join();
}

inline void MpiHub::run() noexcept {
    current_ = this;
    this_thread_serves_processes = true;
    name_current_thread("cf_mpi", 0);
    Lock lock(mutex_);
    last_news_ = monotonic_nanoseconds();
    for (;;) {
        const bool progress = step(lock);
        if (!endings_.empty() || !notices_.empty()) {
            lock.unlock();
            deliver_all();
            lock.lock();
            continue;
        }
        if (std::vector<std::shared_ptr<MpiPool>> over = settle_pools(); !over.empty()) {
            lock.unlock();
            over.clear();  // with the user's hooks
            lock.lock();
            continue;
        }
        if (pools_.empty()) break;
        if (!progress) idle(lock);
    }
    engine_runs_ = false;
}

/// In a callback that waits for another call: a step of the engine.
inline void MpiHub::work_once() noexcept {
    Lock lock(mutex_);
    const bool progress = step(lock);
    const bool has_endings = !endings_.empty() || !notices_.empty() || !deliveries_.empty();
    if (!progress && !has_endings) idle(lock);
    lock.unlock();
    deliver_all();
}

/// True if something has happened.
inline bool MpiHub::step(Lock&) noexcept {
    bool progress = false;
    try {
        if (!broken_.empty()) {  // what is left is to end
            end_pools();
            return false;
        }
        // Calls go out a few microseconds' worth at a time: a message costs as much as ten short calls.
        const std::int64_t now = monotonic_nanoseconds();
        // relaxed: a hint that somebody waits for a result.
        if (in_flight_ == 0 || now - given_at_ >= give_interval || watchers_.load(std::memory_order_relaxed) != 0) {
            for (const auto& pool : pools_)
                if (pool->intake_.may_have_tasks()) {
                    pool->intake_.move_to(pool->queue_);
                    progress = true;
                }
            progress |= dispatch();
            if (progress) given_at_ = now;
        }
        progress |= receive();
        recall_stuck();
        end_pools();
        forget_dead_regions();
        ship_all();
    } catch (const std::exception& error) {
        break_all(std::string("MPIPoolExecutor: ") + error.what());
        progress = true;
    }
    if (progress) {
        last_news_ = monotonic_nanoseconds();
        looks_ = 0;
    }
    return progress;
}

/// Waits for news, a moment at a time.
inline void MpiHub::idle(Lock& lock) {
    const std::int64_t waited = monotonic_nanoseconds() - last_news_;
    const bool polls = polls_ && (in_flight_ != 0 || port_->is_moving());
    // relaxed: a hint; who watches takes the lock to look.
    const bool is_watched = watchers_.load(std::memory_order_relaxed) != 0;
    if (polls && !is_watched && (port_->is_moving() || keeps_looking(waited, looks_++))) {
        lock.unlock();
        pause_between_looks(waited);
        lock.lock();
        return;
    }
    // relaxed: whoever puts something where this looks next does it under a lock that is taken here after this
    // store, so either it is seen here, or this is seen there.
    asleep_.store(true, std::memory_order_relaxed);
    bool news = false;
    for (const auto& pool : pools_) news = news || pool->intake_.has_tasks();
    if (!news && broken_.empty() && !polls_) news = receive();
    if (!news) {
        sleeps_deeply_ = !polls && (waited > nap_for || !polls_);
        const auto woken = [this] {
            // relaxed: see above; the notifier has held the mutex.
            return !asleep_.load(std::memory_order_relaxed);
        };
        if (sleeps_deeply_) {
            wake_up_.wait(lock, woken);
        } else {
            const std::chrono::nanoseconds watch(watch_lasts);
            timed_wait(wake_up_, lock, Deadline::after(is_watched ? watch : nap_after(waited)), woken);
            for (int naps = 0; naps < 3 && !woken() && monotonic_nanoseconds() - watched_at_ < watch_lasts; ++naps)
                timed_wait(wake_up_, lock, Deadline::after(watch), woken);
        }
        sleeps_deeply_ = false;
    }
    // relaxed: see above.
    asleep_.store(false, std::memory_order_relaxed);
}

inline void MpiHub::wake() noexcept {
    // relaxed, both: see idle(). The exchange is so that one of many notifies.
    if (!asleep_.load(std::memory_order_relaxed) || !asleep_.exchange(false, std::memory_order_relaxed)) return;
    { const std::lock_guard lock(mutex_); }  // it sleeps, or has not looked yet
    wake_up_.notify_one();
}

/// With nothing left to be told: the pools whose lanes have all left are over.
inline std::vector<std::shared_ptr<MpiPool>> MpiHub::settle_pools() {
    std::vector<std::shared_ptr<MpiPool>> over;
    for (const auto& pool : pools_)
        if (pool->leaves_ && pool->leaving_ == 0) over.push_back(pool);
    for (const auto& pool : over) {
        pool->ended_ = true;
        std::erase(pools_, pool);
    }
    if (!over.empty()) changed_.notify_all();
    return over;
}

/// Puts `origin` below the innermost of nested exceptions, see exception_codec.hpp for the bytes.
inline ByteBuffer with_origin(std::span<const std::byte> exception, std::span<const std::byte> origin) {
    constexpr auto plain = static_cast<std::byte>(ExceptionForm::plain);
    constexpr auto nested = static_cast<std::byte>(ExceptionForm::nested);
    std::size_t depth = 0;
    while (depth < exception.size() && exception[depth] == nested) ++depth;
    Encoder encoder;
    if (depth + 2 >= exception_depth_limit || depth >= exception.size() || exception[depth] != plain) {
        encoder.write_bytes(exception.data(), exception.size());
        return std::move(encoder).take();
    }
    encoder.write_bytes(exception.data(), depth);
    encoder.write_bytes(&nested, 1);
    encoder.write_bytes(origin.data(), origin.size());
    encoder.write_bytes(exception.data() + depth + 1, exception.size() - depth - 1);
    return std::move(encoder).take();
}

/// Runs codecs of registered exceptions: not under a lock.
inline std::exception_ptr decode_rank_failure(const ByteBuffer& body, int pid) noexcept {
    try {
        Decoder decoder(body.bytes());
        std::exception_ptr error = decode_exception(decoder, pid);
        if (!error) throw SerializationError("a rank sent no exception where one was announced");
        return error;
    } catch (...) {
        return std::current_exception();
    }
}

/// Without the lock. From the common lists, so that a callback that works on here goes on where this left off.
inline void MpiHub::deliver_all() noexcept {
    for (;;) {
        if (deliveries_.empty()) {
            Lock lock(mutex_);
            if (!notices_.empty()) {
                const Notice notice = std::move(notices_.front());
                notices_.pop_front();
                lock.unlock();
                deliver(notice);
                continue;
            }
            deliveries_.take_from(endings_);
            if (deliveries_.empty()) return;
        }
        Deliveries::Delivery next = deliveries_.pop_front();
        deliver(static_cast<MpiTask&>(*next.task), next.ending);
    }
}

inline void MpiHub::deliver(MpiTask& task, Ending& ending) noexcept {
    tell(task);
    switch (ending.kind) {
        case Ending::Kind::result: {
            task.drop_call(ending.body);
            Decoder decoder(ending.body.bytes());
            task.succeed(decoder);
            break;
        }
        case Ending::Kind::exception:
            task.fail(decode_rank_failure(ending.body, ending.pid));
            break;
        case Ending::Kind::failure:
            task.fail(std::move(ending.error));
            break;
        case Ending::Kind::cancelled:
            task.end_cancelled();
            break;
        case Ending::Kind::stored:
            task.finish_stored();
            break;
        case Ending::Kind::none:
            break;
    }
    for (; ending.references > 0; --ending.references) task.release();
}

inline void MpiHub::deliver(const Notice& notice) noexcept {
    if (notice.kind >= Notice::Kind::worker_started) return tell_of_worker(notice);
    const int pid = static_cast<int>(port_->card(notice.peer->place).pid);
    const std::exception_ptr error = decode_rank_failure(notice.body, pid);
    if (notice.kind == Notice::Kind::exit_failed)
        return report_unhandled(notice.pool->hook(), error, "an MPI pool's worker_exit");
    std::string text = "something that is no std::exception";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
        text = thrown.what();
    } catch (...) {
    }
    const RankCard& card = port_->card(notice.peer->place);
    const std::lock_guard lock(mutex_);
    break_pool(*notice.pool, "MPIPoolExecutor: the initializer threw on rank " + std::to_string(notice.peer->rank) +
                                 " (host " + card.host_name() + "): " + text);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
