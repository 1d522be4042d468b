// SPDX-License-Identifier: MIT
//
// tuning.hpp: the numbers that decide speed, in one place: what each costs if it is smaller, and if it is larger, and the row
// of benchmarks/README.md that shows it. To change one, run that row before and after.
//
//     static constexpr std::int64_t brief_sleep = tuning::brief_sleep;      // in the class that uses it
//
// Sizes are in bytes, times without a type in nanoseconds. What is not here decides no speed: limits of correctness and of
// trust (how deep values may nest, how long a text is) stand where they are checked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning {

// ---- waiting in a loop before a sleep -------------------------------------------------------------

/// How long. About what it costs to sleep and be woken: less sleeps too soon, more burns more than it saves.
/// Rows: threads, round trip, p50 and processor time; 1000 tasks per second.
inline constexpr std::chrono::microseconds spin_time{10};
/// Looks before the clock is read for the first time, and between two readings with a yield. Fewer: the clock costs more than
/// what is waited for. More: other threads of the processor wait. Row: threads, round trip, p50; figures of 8, 24 and 64
/// under "Dead ends".
inline constexpr int looks_before_clock = 32, looks_between_yields = 8;

// ---- thread pools ---------------------------------------------------------------------------------

/// After so many long sleeps in a row a worker does not spin any more. Fewer: a pause in the work costs wake-ups. More:
/// tasks that come far apart cost more processor time: 1.5 times, if it spins always. Row: threads, 1000 tasks per second.
inline constexpr int long_sleeps_until_no_spin = 4;
/// Pauses in which a worker that finds work at once lets more arrive: at most, and at first. Fewer:
/// worker and submitter wait for the same cache lines. More: the first task starts later. Rows: threads, submit, keep,
/// result; post, wait for all (170 to 330 ns without gathering, 60 with it, in the trial under "Dead ends").
inline constexpr int most_gathering_pauses = 32, first_gathering_pauses = 8;
/// Tasks that must have arrived together, or looks that were enough, for a worker to gather. Rows: as before.
inline constexpr int gathers_from = 4;
/// A submitter at max_pending sleeps for so long at most, if not half of the queue is free before. Shorter: more wake-ups per
/// task. Longer: places stay unused. No row.
inline constexpr std::chrono::milliseconds longest_batch_of_places{5};
/// Entries of cancelled tasks that are looked at for one lock of a worker's deque. Fewer: more locks. More: the worker waits
/// for its own deque. No row.
inline constexpr std::size_t spent_tasks_per_lock = 64;
/// A substitute that has nothing to do ends after this. Shorter: threads are started again and again. Longer: stacks stay.
/// Row: threads, fib by submit + result.
inline constexpr std::chrono::seconds longest_sleep_of_substitute{1};
/// Threads beyond max_workers for workers that wait inside tasks. Fewer: deep waits get there one slice at a time. More: more
/// stacks. Row: threads, fib by submit + result.
inline constexpr std::size_t most_substitutes = 256;
/// All threads sleep and no task starts for so long: one more thread. Shorter: threads for waits that end by themselves.
/// Longer: deep waits go on more slowly. No row: no workload gets there.
inline constexpr std::chrono::milliseconds blocked_slice{10};
/// A wait in a callback does a piece of the pool's work this often. Shorter: more wake-ups. Longer: that work is later. No row.
inline constexpr std::chrono::milliseconds served_each{1};

// ---- loops ----------------------------------------------------------------------------------------

/// In cycles (0.2 to 0.5 ns): a loop that is shorter than the first stays in its thread; a piece has about the second, at the
/// end the third. Less: waking threads costs more than it saves, or counting does. More: threads run out of pieces.
/// Rows: threads, for each of 1e3 doubles, of 1e7 doubles, of 1e5 uneven items.
inline constexpr double loop_worth_waking = 30'000, loop_piece = 100'000, least_loop_piece = 3'000;

// ---- maps -----------------------------------------------------------------------------------------

/// How long a thread works on a block of items that it owns, and at least where others can take the rest. Less: more claims.
/// More: threads run out of blocks. Row: threads, map, a task per item.
inline constexpr double map_block = 50'000, least_map_block = 2'000;
/// Items that a thread which waits for the map runs before it looks around again, and that one claim takes at most.
/// Row: threads, map, a task per item.
inline constexpr std::uint32_t map_visit = 16, most_items_per_claim = 1'024;
/// In pools of processes and ranks: items that get a task each at first, so that a crash costs a small map one item; then what
/// a task should take, and how many items it has at most. Less: more messages. More: a crash costs more items, and workers
/// end at different times. Row: processes, map, automatic chunks.
inline constexpr std::size_t map_singles = 100;
inline constexpr double map_chunk = 50'000, most_items_per_chunk = 1024;

// ---- process pools --------------------------------------------------------------------------------

/// A worker's tasks, the running one included: at most, before its pace is known, and at least. Fewer: worker and pool wait
/// for each other. More: tasks wait behind a long one, and more are taken back. Rows: processes, submit, keep, result; map,
/// a task per item (0.6 to 1.1 µs with 16 or 32 at most, 0.5 to 0.9 with 64).
inline constexpr std::size_t most_sent = 64, sent_at_first = 16, least_sent = 2;
/// How much work may wait with a worker: several times what a wake-up takes. Rows: as before.
inline constexpr std::int64_t work_sent_ahead = 200'000;
/// Pauses of a manager thread whose workers have all enough, before it looks: more results per step, each later. 0.35 µs per task without, 0.31 with
/// 32; 200 were no better. Row: processes, submit, keep, result.
inline constexpr int manager_pauses = 32;
/// Without a sleep the manager thread asks the system for deaths no more often than this: each look is a system call.
/// Longer: a death is noticed later. Rows: processes, submit, keep, result; worker killed to future failed.
inline constexpr std::int64_t death_look_interval = 50'000;
/// If its last sleep, or a worker's last wait, was shorter than this, a thread spins before the next one. Shorter: a short
/// pause costs a wake-up. Longer: it spins in vain. Rows: processes, round trip, p50; submit, keep, result.
inline constexpr std::int64_t brief_sleep = 200'000;
/// A thread that waits for its result looks for it so long in place of the manager thread. Less: two changes of threads per
/// task. More: it burns time that the worker could use. Row: processes, round trip, p50.
inline constexpr std::chrono::microseconds looks_for_own_result{30};
/// wait_idle() and start_workers() look again after this, because the manager thread is not woken for them. Shorter: more
/// looks with the mutex. Longer: they return later. No row.
inline constexpr std::chrono::milliseconds idle_look_interval{5}, start_look_interval{1};
/// worker_pids() and terminate_workers() wait so long at most for a template that does not say which processes it has forked. Less: on a
/// busy machine workers are missing, or killed at once. More: they wait longer where the template is stopped (SIGSTOP). No row.
inline constexpr std::chrono::seconds worker_pid_wait{2};
/// Memory of large bodies is given back when none came for so long. Shorter: pages are made anew for each burst. Longer:
/// memory stays taken. Row: processes, 16 MiB there and back.
inline constexpr std::chrono::seconds large_memory_kept{1};
/// Calls up to this size are copied into the ring's output buffer, larger ones are written from where they are. Smaller:
/// more pieces per write. Larger: more copying. Row: processes, submit, keep, result.
inline constexpr std::size_t copied_calls = 16 * 1024;
/// What a worker keeps of a result's buffer, and of its heap, for the next task. Smaller: pages are made anew. Larger: memory
/// stays taken. Row: processes, 16 MiB there and back.
inline constexpr std::size_t kept_reply = std::size_t{1} << 20, kept_heap = std::size_t{128} << 20;

// ---- messages between processes -------------------------------------------------------------------

/// Bytes of one ring between pool and worker, and of a channel; powers of two. Smaller: sender and receiver wait for each
/// other. Larger: more cache and memory for each worker. Rows: processes, submit, keep, result; channel.
inline constexpr std::size_t worker_ring = 64 * 1024, channel_ring = 256 * 1024;
/// Bodies from here on lie in shared memory instead of the ring. Smaller: mapping costs more than copying. Larger: they are
/// copied twice more. Row: processes, 16 MiB there and back.
inline constexpr std::size_t shared_from = 32 * 1024;
/// Bodies with so much to come are read straight into their place; memory for a first portion; what is kept of it. Rows: as
/// before; and a false length costs its sender real bytes.
inline constexpr std::size_t read_in_place_from = 16 * 1024, first_portion = 256 * 1024, kept_body = 64 * 1024;
/// A channel's end asks whether the other one lives no more often than this; in cycles: 20 to 50 µs. Row: channel.
inline constexpr std::uint64_t channel_look_interval = 100'000;
/// What a channel's end keeps of a large value's buffer. Row: channel.
inline constexpr std::size_t kept_channel_buffer = std::size_t{16} << 20;
/// So many cancelled tasks, and half of the queue, before they are taken out. Fewer: cancel() costs O(size) more often. More:
/// memory stays taken. No row; tests/programs/cancelled_tasks_take_no_memory.cpp holds it.
inline constexpr std::size_t cancelled_until_taken_out = 64;

// ---- MPI pools ------------------------------------------------------------------------------------
// Rows of these: benchmarks/README.md, "MPI ranks": round trip; submit and result; `map`, an item; 16 MiB there and back.

/// Looks for messages in vain before a nap, and what is waited at least; then naps, the longer the less comes.
inline constexpr unsigned mpi_looks_before_nap = 100;
inline constexpr std::int64_t mpi_looks_for = 800'000, mpi_pauses_for = 20'000;
inline constexpr std::int64_t mpi_shortest_nap = 50'000, mpi_middle_nap = 1'000'000, mpi_longest_nap = 4'000'000;
/// The root hands out at most this often while lanes are busy; takes tasks back from a lane that gave no result for so long, or
/// that has so much work; a batch of messages is full.
inline constexpr std::int64_t mpi_hand_out_interval = 10'000, mpi_stuck_after = 500'000;
inline constexpr double mpi_much_work = 1'000'000;
inline constexpr std::size_t mpi_full_batch = 64 * 1024;
/// Work that is sent to a rank in advance: at least, and at most. Less: the rank runs dry. More: tasks are taken back.
inline constexpr double mpi_least_ahead = 200'000, mpi_most_ahead = 10'000'000;
/// A waiting thread looks in the engine's place for so long while that is awake.
inline constexpr std::int64_t mpi_patience_with_engine = 50'000;
/// The engine takes naps for so long after the last news, then it sleeps until it is woken; a look of another thread counts for
/// so long.
inline constexpr std::int64_t mpi_naps_for = 20'000'000, mpi_watch_lasts = 500'000;
/// Bodies from here on are messages of their own.
inline constexpr std::size_t mpi_bulk_from = 32 * 1024;
/// A rank: tasks below the first do not send each result at once, but after the second or a full batch; between tasks it looks
/// for messages after the third.
inline constexpr std::int64_t mpi_short_task = 10'000, mpi_send_interval = 50'000, mpi_look_interval = 500'000;
inline constexpr std::size_t mpi_full_replies = 16 * 1024;

// ---- memory ---------------------------------------------------------------------------------------

/// A page of blocks of one size, with what posix_memalign adds; and how many free ones are kept. Smaller: the system is asked
/// more often. Larger: memory stays taken by few calls. Rows: threads, submit, keep, result; burst, bytes
/// per future (66.1 with pages of 4 KiB, 64.3 with 16).
inline constexpr std::size_t block_page = 16384, kept_block_pages = 16;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning
