// SPDX-License-Identifier: MIT
//
// tuning.hpp: the numbers that decide speed, in one place. Each says what it costs if it is smaller, and if it is larger, and
// names the row of benchmarks/README.md that shows it. To change one, run that row before and after.
//
//     static constexpr std::int64_t brief_sleep = tuning::brief_sleep;      // in the class that uses it
//
// Sizes are in bytes. Times without a type are in nanoseconds. Limits of correctness and of trust are not here but where they
// are checked (how deep values may nest, how long a text is). A few numbers that one function uses are beside it: `patience`
// in algorithm.hpp, scan.hpp, channel_end.hpp and map_tasks.hpp; `short_rest` in scan.hpp; `patience_for_pace` in
// map_job_results.hpp; `soon_ns` and had_turn() in map_schedule.hpp; `hiccup` in map_pace.hpp; the 20 µs of keeps_looking() in
// look_pace.hpp; `most` in lane_pace.hpp; `ticks_awake` and `keeps_memory_for` in rank_loop.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning {

// ---- waiting in a loop before a sleep -------------------------------------------------------------

/// How long a thread spins: about what it costs to sleep and be woken. Shorter: it sleeps too soon. Longer: it burns more
/// processor time than it saves. Rows: threads, round trip, p50 and processor time; 1000 tasks per second.
inline constexpr std::chrono::microseconds spin_time{10};
/// How often a thread looks before it reads the clock for the first time, and then between two readings, each with a
/// yield. Fewer: reading the clock costs more than the wait. More: other threads of the processor wait. Row: threads,
/// round trip, p50; figures of 8, 24 and 64 under "Dead ends".
inline constexpr int looks_before_clock = 32, looks_between_yields = 8;

// ---- thread pools ---------------------------------------------------------------------------------

/// After so many long sleeps in a row a worker does not spin any more. Fewer: a pause in the work costs wake-ups. More:
/// tasks that come far apart cost more processor time: 1.5 times, if it spins always. Row: threads, 1000 tasks per second.
inline constexpr int long_sleeps_until_no_spin = 4;
/// A worker that finds work at once pauses, so that more tasks arrive: the most pauses, and the first number. Fewer:
/// worker and submitter wait for the same cache lines. More: the first task starts later. Rows: threads, submit, keep,
/// result; post, wait for all (170 to 330 ns without gathering, 60 with it, in the trial under "Dead ends").
inline constexpr int most_gathering_pauses = 32, first_gathering_pauses = 8;
/// A worker pauses like that if at least so many tasks had arrived together, or if it found one within so many looks.
/// Rows: as before.
inline constexpr int gathers_from = 4;
/// A submitter at max_pending sleeps for at most so long, or until half of the queue is free. Shorter: more wake-ups per
/// task. Longer: places stay unused. No row.
inline constexpr std::chrono::milliseconds longest_batch_of_places{5};
/// How many entries of cancelled tasks are looked at with one lock of a worker's deque. Fewer: more locks. More: the worker
/// waits for its own deque. No row.
inline constexpr std::size_t spent_tasks_per_lock = 64;
/// A substitute that has nothing to do ends after this. Shorter: threads are started again and again. Longer: stacks stay.
/// Row: threads, fib by submit + result.
inline constexpr std::chrono::seconds longest_sleep_of_substitute{1};
/// Threads beyond max_workers for workers that wait inside tasks. Fewer: in deep waits a thread is added only each
/// blocked_slice. More: more stacks. Row: threads, fib by submit + result.
inline constexpr std::size_t most_substitutes = 256;
/// If all threads sleep and no task starts for so long, one more thread is started. Shorter: threads for waits that end by
/// themselves. Longer: deep waits go on more slowly. No row: no workload of the benchmarks needs it.
inline constexpr std::chrono::milliseconds blocked_slice{10};
/// A wait in a callback does a piece of the pool's work this often. Shorter: more wake-ups. Longer: that work is later.
/// No row.
inline constexpr std::chrono::milliseconds served_each{1};

// ---- loops ----------------------------------------------------------------------------------------

/// In cycles (0.2 to 0.5 ns). A loop shorter than loop_worth_waking stays in its thread. A piece takes about
/// loop_piece, and least_loop_piece at the end of the loop. Less: waking threads, or counting, costs more than it
/// saves. More: threads run out of pieces. Rows: threads, for each of 1e3 doubles, of 1e7 doubles, of 1e5 uneven items.
inline constexpr double loop_worth_waking = 30'000, loop_piece = 100'000, least_loop_piece = 3'000;

// ---- maps -----------------------------------------------------------------------------------------

/// How long a block of items takes that a thread moves into its lane or owns: at most, and at least if other threads can take
/// its rest away. Less: more claims. More: threads run out of blocks. Row: threads, map, a task per item.
inline constexpr double map_block = 50'000, least_map_block = 2'000;
/// Items that a worker runs from another worker's lane before it looks for work again; the most items that one claim takes.
/// Row: threads, map, a task per item.
inline constexpr std::uint32_t map_visit = 16, most_items_per_claim = 1'024;
/// In pools of processes and ranks. map_singles: the first items, which get a task each, so that a crash costs a small
/// map one item. Then: how long a task should take, and how many items it has at most. Less: more messages. More: a
/// crash costs more items, and workers end at different times. Row: processes, map, automatic chunks.
inline constexpr std::size_t map_singles = 100;
inline constexpr double map_chunk = 50'000, most_items_per_chunk = 1024;

// ---- process pools --------------------------------------------------------------------------------

/// How many tasks a worker has, the running one included: at most, before its pace is known, and at least. Fewer:
/// worker and pool wait for each other. More: tasks wait behind a long one, and more are taken back. Rows: processes,
/// submit, keep, result; map, a task per item (0.6 to 1.1 µs with 16 or 32 at most, 0.5 to 0.9 with 64).
inline constexpr std::size_t most_sent = 64, sent_at_first = 16, least_sent = 2;
/// How much work may wait with a worker: several times what a wake-up takes. Rows: as before.
inline constexpr std::int64_t work_sent_ahead = 200'000;
/// A manager thread pauses before it looks for results, if all workers have enough tasks. More pauses: more results per
/// step, but each result comes later. 0.35 µs per task without pauses, 0.31 with 32; 200 were no better. Row:
/// processes, submit, keep, result.
inline constexpr int manager_pauses = 32;
/// Without a sleep the manager thread asks the system for deaths no more often than this: each look is a system call.
/// Longer: a death is noticed later. Rows: processes, submit, keep, result; worker killed to future failed.
inline constexpr std::int64_t death_look_interval = 50'000;
/// If its last sleep, or a worker's last wait, was shorter than this, a thread spins before the next one. Shorter: a short
/// pause costs a wake-up. Longer: it spins in vain. Rows: processes, round trip, p50; submit, keep, result.
inline constexpr std::int64_t brief_sleep = 200'000;
/// How long a thread that waits for its result looks for it in place of the manager thread. Less: two changes of threads per
/// task. More: it burns time that the worker could use. Row: processes, round trip, p50.
inline constexpr std::chrono::microseconds looks_for_own_result{30};
/// wait_idle() and start_workers() look again after this, because the manager thread is not woken for them. Shorter: more
/// looks with the mutex. Longer: they return later. No row.
inline constexpr std::chrono::milliseconds idle_look_interval{5}, start_look_interval{1};
/// How long worker_pids() and terminate_workers() wait, at most, for the template process to say which processes it has
/// forked. Less: on a busy machine workers are missing, or are killed at once. More: these calls take longer if the
/// template process is stopped (SIGSTOP). No row.
inline constexpr std::chrono::seconds worker_pid_wait{2};
/// Memory of large bodies is given back when no large body came for so long. Shorter: each burst needs fresh pages. Longer:
/// memory stays in use. Row: processes, 16 MiB there and back.
inline constexpr std::chrono::seconds large_memory_kept{1};
/// Encoded calls up to this size are copied into the ring's output buffer. Larger ones are written from where they are.
/// Smaller: more pieces per write. Larger: more copying. Row: processes, submit, keep, result.
inline constexpr std::size_t copied_calls = 16 * 1024;
/// How much of a result's buffer, and of its heap, a worker keeps for the next task. Smaller: it needs fresh pages. Larger:
/// memory stays in use. Row: processes, 16 MiB there and back.
inline constexpr std::size_t kept_reply = std::size_t{1} << 20, kept_heap = std::size_t{128} << 20;

// ---- messages between processes -------------------------------------------------------------------

/// The size of a ring between pool and worker, and of a channel; powers of two. Smaller: sender and receiver wait for each
/// other. Larger: more cache and memory for each worker. Rows: processes, submit, keep, result; channel.
inline constexpr std::size_t worker_ring = 64 * 1024, channel_ring = 256 * 1024;
/// Bodies of at least this size lie in shared memory instead of the ring. Smaller: mapping costs more than copying. Larger:
/// they are copied twice more. Row: processes, 16 MiB there and back.
inline constexpr std::size_t shared_from = 32 * 1024;
/// If so many bytes of a body are still to come, they are read directly into their final place. Then: the memory for a first
/// portion, so that a false length costs its sender real bytes; how much of it is kept. Rows: as before.
inline constexpr std::size_t read_in_place_from = 16 * 1024, first_portion = 256 * 1024, kept_body = 64 * 1024;
/// A channel's end checks at most this often whether the other end is alive; in cycles: 20 to 50 µs. Row: channel.
inline constexpr std::uint64_t channel_look_interval = 100'000;
/// What a channel's end keeps of a large value's buffer. Row: channel.
inline constexpr std::size_t kept_channel_buffer = std::size_t{16} << 20;
/// Cancelled tasks are taken out of the queue when they are so many, and half of the queue. Fewer: cancel() costs
/// O(size) more often. More: memory stays in use. No row; tests/programs/cancelled_tasks_take_no_memory.cpp holds it.
inline constexpr std::size_t cancelled_until_taken_out = 64;

// ---- MPI pools ------------------------------------------------------------------------------------
// Rows of these: benchmarks/README.md, "MPI ranks": round trip; submit and result; `map`, an item; 16 MiB there and back.

/// Before its first nap a thread looks for messages at least so often, and for at least mpi_looks_for. Between two looks it
/// pauses, and after mpi_pauses_for it yields. Then: the length of a nap, which grows while no message comes.
inline constexpr unsigned mpi_looks_before_nap = 100;
inline constexpr std::int64_t mpi_looks_for = 800'000, mpi_pauses_for = 20'000;
inline constexpr std::int64_t mpi_shortest_nap = 50'000, mpi_middle_nap = 1'000'000, mpi_longest_nap = 4'000'000;
/// How often the root hands out tasks, at most, while lanes are busy. When it takes tasks back from a lane: no result for so
/// long, or so much work. How large a full batch of messages is.
inline constexpr std::int64_t mpi_hand_out_interval = 10'000, mpi_stuck_after = 500'000;
inline constexpr double mpi_much_work = 1'000'000;
inline constexpr std::size_t mpi_full_batch = 64 * 1024;
/// How much work is sent to a rank in advance: at least, and at most. Less: the rank has nothing to do. More: tasks are taken
/// back.
inline constexpr double mpi_least_ahead = 200'000, mpi_most_ahead = 10'000'000;
/// How long a waiting thread looks for its result while the engine thread is awake.
inline constexpr std::int64_t mpi_patience_with_engine = 50'000;
/// How long after the last news the engine thread takes naps, before it sleeps until it is woken. How long a look of another
/// thread counts.
inline constexpr std::int64_t mpi_naps_for = 20'000'000, mpi_watch_lasts = 500'000;
/// Bodies of at least this size are messages of their own.
inline constexpr std::size_t mpi_bulk_from = 32 * 1024;
/// In a rank. Results of tasks shorter than mpi_short_task are sent together, after mpi_send_interval or when the batch
/// is full (mpi_full_replies). Between tasks the rank looks for messages after mpi_look_interval.
inline constexpr std::int64_t mpi_short_task = 10'000, mpi_send_interval = 50'000, mpi_look_interval = 500'000;
inline constexpr std::size_t mpi_full_replies = 16 * 1024;

// ---- memory ---------------------------------------------------------------------------------------

/// The size of a page of blocks, with what posix_memalign adds; and how many free pages are kept. Smaller: the system
/// is asked more often. Larger: a few tasks keep much memory. Rows: threads, submit, keep, result; burst, bytes per
/// future (66.1 with pages of 4 KiB, 64.3 with 16).
inline constexpr std::size_t block_page = 16384, kept_block_pages = 16;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning
