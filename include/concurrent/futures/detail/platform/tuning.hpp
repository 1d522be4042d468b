// SPDX-License-Identifier: MIT
//
// tuning.hpp: the numbers that decide speed, in one place. Each says what it costs if it is smaller, and if it is larger, and
// names the row of benchmarks/README.md that shows it. To change one, run that row before and after.
//
//     static constexpr std::int64_t brief_sleep = tuning::brief_sleep;      // in the class that uses it
//
// A number belongs here if every value in a range is correct, and the value decides only how fast the library is, how much
// processor time or memory it takes, or how often it looks for something. It does not if something else follows from it: a limit
// of correctness or of trust (how deep values may nest, how long a text is), a time or number that users are promised, the layout
// of shared memory, a page or cache line. Such a number stands where it is checked. The shape of a formula (a half, a mean of
// two) stands in the formula.
//
// Sizes are in bytes. Times without a type are in nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning {

// ---- waiting in a loop before a sleep -------------------------------------------------------------

/// How long a thread spins: about what it costs to sleep and be woken. Shorter: it sleeps too soon. Longer: it burns
/// more processor time than it saves. Rows: threads, round trip, p50 and processor time; 1000 tasks per second.
inline constexpr std::chrono::microseconds spin_time{10};
/// How often a thread looks before it reads the clock for the first time, and then between two readings, each with a
/// yield. Fewer: reading the clock costs more than the wait. More: other threads of the processor wait. Row: threads,
/// round trip, p50; figures of 8, 24 and 64 under "Dead ends".
inline constexpr int looks_before_clock = 32, looks_between_yields = 8;

/// A yield that takes longer was slow: all processors are busy. After so many in a row a thread sleeps without spinning,
/// for so long. Fewer, shorter: a thread sleeps too soon on a machine that is busy now and then. More, longer: slow yields
/// make waits late. No row: rapidgzip under "A real program".
inline constexpr std::chrono::microseconds slow_yield{100};
inline constexpr int slow_yields_until_no_spin = 3;
inline constexpr std::chrono::milliseconds no_spin_after_slow_yields{100};

/// How often a thread that waits for a lock of one bit pauses; then how often it yields. After that it sleeps: for a
/// quarter of a microsecond times the number of its tries, and for longest_lock_nap once these are
/// lock_naps_grow_until. Fewer, longer: the lock is free and nobody takes it. More, shorter: a holder that lost its
/// processor gets it later. No row: the benchmarks have no more threads than that.
inline constexpr unsigned lock_pauses = 100, lock_yields = 100, lock_naps_grow_until = 1'000;
inline constexpr std::chrono::microseconds longest_lock_nap{1'000};
/// How often fork() looks whether no thread reads the list of modules, in such tries: about a second. Fewer: a busy system may
/// not let that thread go on in time. More: a fork that can never have the lock takes longer. No row.
inline constexpr unsigned looks_for_visit_before_fork = 2'000;

/// Where the system has no futex: how many mutexes stand for those of all words. Fewer: threads that wait for different words wait
/// for each other. More: memory. No row.
inline constexpr std::size_t parking_lots = 64;

// ---- thread pools ---------------------------------------------------------------------------------

/// After so many long sleeps in a row a worker does not spin any more. Fewer: a pause in the work costs wake-ups. More:
/// tasks that come far apart cost more processor time: 1.5 times, if it spins always. Row: threads, 1000 tasks per
/// second.
inline constexpr int long_sleeps_until_no_spin = 4;
/// A sleep counts as long from here on, the wake-up included. Shorter: workers stop spinning too soon. Longer: too
/// late. Row: as before.
inline constexpr std::chrono::microseconds long_sleep{10 * spin_time};
/// A worker that finds work at once pauses, so that more tasks arrive: the most pauses, and the first number. Fewer:
/// worker and submitter wait for the same cache lines. More: the first task starts later. Rows: threads, submit, keep,
/// result; post, wait for all (170 to 330 ns without gathering, 60 with it, in the trial under "Dead ends").
inline constexpr int most_gathering_pauses = 32, first_gathering_pauses = 8;
/// A worker pauses like that if at least so many tasks had arrived together, or if it found one within so many looks.
/// Rows: as before.
inline constexpr int gathers_from = 4;
/// A submitter at max_pending sleeps for at most so long, or until half of the queue is free. Shorter: more wake-ups
/// per task. Longer: places stay unused. No row.
inline constexpr std::chrono::milliseconds longest_batch_of_places{5};
/// Once in so many tasks a worker takes one from the inbox before its own. Fewer: tasks that submit others wait more
/// often for what came from outside. More: the inbox waits longer for a worker that has enough to do. Row: threads, fib
/// by submit + result.
inline constexpr unsigned tasks_until_inbox_first = 64;
/// After so many entries of tasks that were cancelled, or that ran in a wait, the queues are looked at. Fewer: the
/// counting leads to more walks. More: memory stays in use. A power of two. Row: threads, fib by submit + result.
inline constexpr std::size_t spent_tasks_until_look = 64;
/// How many entries of cancelled tasks are looked at with one lock of a worker's deque. Fewer: more locks. More: the
/// worker waits for its own deque. No row.
inline constexpr std::size_t spent_tasks_per_lock = 64;
/// A substitute that has nothing to do ends after this. Shorter: threads are started again and again. Longer: stacks
/// stay. Row: threads, fib by submit + result.
inline constexpr std::chrono::seconds longest_sleep_of_substitute{1};
/// Threads beyond max_workers for workers that wait inside tasks. Fewer: in deep waits a thread is added only each
/// blocked_slice. More: more stacks. Row: threads, fib by submit + result.
inline constexpr std::size_t most_substitutes = 256;
/// If all threads sleep and no task starts for so long, one more thread is started. Shorter: threads for waits that end
/// by themselves. Longer: deep waits go on more slowly. No row: no workload of the benchmarks needs it.
inline constexpr std::chrono::milliseconds blocked_slice{10};
/// It is a slice for each queued task, but no more slices than this, and so many again for each
/// threads_per_blocked_slice threads beyond the bound. Fewer slices: threads that do not help. More: as above. No row,
/// as above.
inline constexpr std::size_t most_blocked_slices = 5, threads_per_blocked_slice = 256;
/// How many places a worker's deque has at first; when an empty one is so large, its memory is given back. Powers of
/// two. Smaller: allocations. Larger: memory stays in use. Rows: threads, fib by submit + result; steady state,
/// allocations.
inline constexpr std::size_t first_deque_places = 64, large_deque = 4'096;
/// How many numbers of tasks a thread takes at once, for observers. Fewer: threads write to one cache line more often.
/// More: the numbers of threads lie further apart. No row; benchmarks/README.md, "What an event of a trace costs".
inline constexpr std::uint64_t call_numbers_at_once = 1'024;
/// A wait in a callback does a piece of the pool's work this often. Shorter: more wake-ups. Longer: that work is later.
/// No row.
inline constexpr std::chrono::milliseconds served_each{1};

// ---- loops ----------------------------------------------------------------------------------------

/// In cycles (0.2 to 0.5 ns). A loop shorter than loop_worth_waking stays in its thread. A piece takes about
/// loop_piece, and least_loop_piece at the end of the loop. Less: waking threads, or counting, costs more than it
/// saves. More: threads run out of pieces. Rows: threads, for each of 1e3 doubles, of 1e7 doubles, of 1e5 uneven items.
inline constexpr double loop_worth_waking = 30'000, loop_piece = 100'000, least_loop_piece = 3'000;

/// A loop of unknown cost runs in its thread at first, if it has at least so many items; in pieces that grow so many
/// times, which is also its first part if its cost is known. Smaller: a long first item keeps the other threads
/// waiting. Larger: short loops wake threads. Growth: small, the pieces are measured too often; large, the last one is
/// too long. Row: threads, for each of 1e3 doubles.
inline constexpr std::size_t loop_measured_from = 128, loop_piece_growth = 8;
/// In cycles. How long the caller spins for a part of a loop that is at its last piece. Shorter: it sleeps, and is
/// woken. Longer: it burns processor time. Row: threads, for each of 1e5 uneven items.
inline constexpr std::uint64_t looks_for_last_part = 100'000;
/// Into how many brackets of neighbouring elements a reduction or a scan is cut, and the most elements of one. More:
/// sharing out costs more. Fewer, larger: a bracket leaves the cache before it is scanned. The order in which elements
/// are added follows from these two, so the last digits of sums of floating-point numbers do, too. No row; see "Dead
/// ends".
inline constexpr std::size_t loop_brackets = 256, largest_bracket = 4'056;
/// In cycles: a scan whose rest is shorter stays in its thread. Then: how many elements the first piece has. Less:
/// other threads cost more than they save. More: they would have saved more. No row.
inline constexpr double scan_worth_waking = 60'000;
inline constexpr std::size_t first_scan_piece = 256;
/// How long a thread that has reduced a piece spins to learn what is before it. Shorter: the piece is read a second
/// time later, when it has left the cache. Longer: the thread does nothing. No row.
inline constexpr std::chrono::microseconds looks_for_prefix{40};
/// How many elements find_if() tests between two looks at what other threads have found. Fewer: the looks cost. More:
/// threads go on in vain. No row.
inline constexpr std::size_t find_stretch = 256;
/// Fewer elements are sorted in one thread. Fewer: the parts cost more than they save. More: threads have nothing to
/// do. Row: threads, sort of 1e6 ints.
inline constexpr std::ptrdiff_t shortest_sort = 4'096;
/// Elements up to this size are sorted without branches: each moves in each division. Smaller: others wait for wrong
/// guesses of the processor. Larger: moving costs more than that. Row: threads, sort of 1e6 ints.
inline constexpr std::size_t largest_branchless_element = 32;
/// How many places are looked at, at most, to see whether the elements are nearly in order. Fewer: the answer is wrong
/// more often. More: the look costs. Row: threads, sort of 1e3 ints.
inline constexpr std::size_t order_samples = 16;

// ---- maps -----------------------------------------------------------------------------------------

/// How long a block of items takes that a thread moves into its strip or owns: at most, and at least if other threads
/// can take its rest away. Less: more claims. More: threads run out of blocks. Row: threads, map, a task per item.
inline constexpr double map_block = 50'000, least_map_block = 2'000;
/// Items that a worker runs from another worker's strip before it looks for work again; the most items that one claim
/// takes. Row: threads, map, a task per item.
inline constexpr std::uint32_t map_visit = 16, most_items_per_claim = 1'024;
/// The most items of a block, whatever they take. Less, more: as with map_block.
inline constexpr double most_items_per_block = 65'536;
/// How many of the first items have a ticket each, at least, and the most strips. Fewer tickets: short maps of long
/// items end later. More: each costs what a task costs. Fewer strips: workers share them. More: a few hundred bytes
/// each. Row: as before.
inline constexpr std::size_t least_map_tickets = 64, most_map_strips = 256;
/// Items shorter than the first, and the second for each worker, are so short that workers would be in each other's way
/// at one strip. Less: they are. More: long items cannot be shared out one by one. Row: as before.
inline constexpr double short_map_item = 100, short_map_item_per_worker = 40;
/// A map whose rest takes less gets no tickets to give way to other tasks; a ticket gives way after at least so long.
/// Less: tickets cost more. More: other tasks wait longer for a worker. Row: as before.
inline constexpr double map_worth_turns = 1'000'000;
inline constexpr std::chrono::milliseconds least_map_turn{1};
/// A thread without items waits for the end of a block that is nearer than this, so many rounds, with so many pauses
/// each, and takes the rest away otherwise. Less: owners are called for a few items. More: the thread waits. Row: as
/// before.
inline constexpr double map_rest_soon_done = 2'000;
inline constexpr int rounds_for_map_rest = 32, pauses_per_round = 8;
/// The most items that are read from the input before they are handed to the workers. Fewer: more locks. More: workers
/// wait for the first ones. Then: places of the first part of the memory for items. Smaller: more allocations. Row: as
/// before.
inline constexpr std::size_t most_items_per_batch = 8'192, least_map_store = 64;
/// How long map() spins for the pace of the first items, to know whether the map needs more tickets. Shorter: tickets
/// in vain. Longer: map() returns later. Row: as before.
inline constexpr std::chrono::microseconds looks_for_map_pace{30};
/// The reader of results sleeps for an item in the middle of the rest, if items take at most map_item_worth_waking and
/// more than map_items_left_for_nap are left; where any item will do, if the rest takes at least map_rest_for_nap. It
/// sleeps for short_map_rest more than that should take, and at most for longest_map_nap. Less, shorter: workers wake
/// it more often, which takes longer than their items. More, longer: results are read later. Row: as before.
inline constexpr double map_item_worth_waking = 5'000, map_rest_for_nap = 100'000;
inline constexpr std::size_t map_items_left_for_nap = 64;
inline constexpr double short_map_rest = 20'000, longest_map_nap = 1'000'000;
/// How many results the reader looks at in advance. Fewer: more looks. More: results come out of the cache before they
/// are read. Row: as before.
inline constexpr std::ptrdiff_t map_values_ahead = 512;
/// In pools of processes and ranks. map_singles: the first items, which get a task each, so that a crash costs a small
/// map one item. Then: how long a task should take, and how many items it has at most. Less: more messages. More: a
/// crash costs more items, and workers end at different times. Row: processes, map, automatic chunks.
inline constexpr std::size_t map_singles = 100;
inline constexpr double map_chunk = 50'000, most_items_per_chunk = 1024;

/// The pace is measured anew after so many items. An end is at most map_hiccup ago, for the pace, since the submitter
/// may have lost its processor. Smaller: one late result counts for much. Larger: a change of pace is noticed later.
/// Row: as before.
inline constexpr std::size_t items_per_measure = 16;
inline constexpr std::chrono::milliseconds map_hiccup{4};
/// A submitter with so many tasks ahead waits to learn the pace: at most so long at once, and in all patience_for_pace
/// and as long as submitting has taken. Less: chunks are too small. More: map() returns later. Row: as before.
inline constexpr std::size_t map_tasks_ahead = 256;
inline constexpr std::chrono::milliseconds longest_wait_for_pace{5}, patience_for_pace{50};

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
/// If its last sleep, or a worker's last wait, was shorter than this, a thread spins before the next one. Shorter: a
/// short pause costs a wake-up. Longer: it spins in vain. Rows: processes, round trip, p50; submit, keep, result.
inline constexpr std::int64_t brief_sleep = 200'000;
/// How long a thread that waits for its result looks for it in place of the manager thread. Less: two changes of
/// threads per task. More: it burns time that the worker could use. Row: processes, round trip, p50.
inline constexpr std::chrono::microseconds looks_for_own_result{30};
/// wait_idle() and start_workers() look again after this, because the manager thread is not woken for them. Shorter:
/// more looks with the mutex. Longer: they return later. No row.
inline constexpr std::chrono::milliseconds idle_look_interval{5}, start_look_interval{1};
/// How long worker_pids() and terminate_workers() wait, at most, for the template process to say which processes it has
/// forked. Less: on a busy machine workers are missing, or are killed at once. More: these calls take longer if the
/// template process is stopped (SIGSTOP). No row.
inline constexpr std::chrono::seconds worker_pid_wait{2};
/// The next try to start a worker when the system has refused one and there are others. Shorter: system calls in vain.
/// Longer: the pool works with fewer. No row.
inline constexpr std::chrono::milliseconds pause_after_failed_start{100};
/// In milliseconds. Where the system cannot tell that a process has ended, or cannot wake a thread of another process
/// (no pidfd, no futex), a thread looks again after this; the template process looks for its parent after the second.
/// Shorter: processor time of an idle pool. Longer: what it looks for is noticed later. Row: idle pool, on such a
/// system.
inline constexpr int unwatched_look_interval = 10, unwatched_parent_look_interval = 500;
/// In milliseconds. The last act of a manager thread is to wait for threads that are delivering results themselves: it looks
/// this often. Shorter: processor time, while a long result is decoded. Longer: shutdown takes longer. No row.
inline constexpr int last_delivery_look_interval = 1;
/// Memory of large bodies is given back when no large body came for so long. Shorter: each burst needs fresh pages.
/// Longer: memory stays in use. Row: processes, 16 MiB there and back.
inline constexpr std::chrono::seconds large_memory_kept{1};
/// Shared memory is taken from the system in portions of this size. Smaller: more system calls. Larger: a signal, which interrupts
/// one and undoes it, costs more. Row: processes, 16 MiB there and back.
inline constexpr std::size_t provided_portion = std::size_t{1} << 22;
/// Encoded calls up to this size are copied into the ring's output buffer. Larger ones are written from where they are.
/// Smaller: more pieces per write. Larger: more copying. Row: processes, submit, keep, result.
inline constexpr std::size_t copied_calls = 16 * 1024;
/// How many tasks that have ended are taken out of the list with one lock. Fewer: more locks. More: stack. Row: as
/// before.
inline constexpr std::size_t deliveries_at_once = 16;
/// How much of a result's buffer, and of its heap, a worker keeps for the next task. Smaller: it needs fresh pages.
/// Larger: memory stays in use. Row: processes, 16 MiB there and back.
inline constexpr std::size_t kept_reply = std::size_t{1} << 20, kept_heap = std::size_t{128} << 20;

// ---- messages between processes -------------------------------------------------------------------

/// The size of a ring between pool and worker, and of a channel; powers of two. Smaller: sender and receiver wait for
/// each other. Larger: more cache and memory for each worker. Rows: processes, submit, keep, result; channel.
inline constexpr std::size_t worker_ring = 64 * 1024, channel_ring = 256 * 1024;
/// Bodies of at least this size lie in shared memory instead of the ring. Smaller: mapping costs more than copying.
/// Larger: they are copied twice more. Row: processes, 16 MiB there and back.
inline constexpr std::size_t shared_from = 32 * 1024;
/// If so many bytes of a body are still to come, they are read directly into their final place. Then: the memory for a
/// first portion, so that a false length costs its sender real bytes; how much of it is kept. Rows: as before.
inline constexpr std::size_t read_in_place_from = 16 * 1024, first_portion = 256 * 1024, kept_body = 64 * 1024;
/// Where bytes from a ring are copied to, to find the frames in them. Smaller: more reads. Larger: cache. Rows: as
/// before.
inline constexpr std::size_t frame_staging = 64 * 1024;
/// The first memory of a buffer that grows; it doubles. Smaller: more allocations. Larger: short messages need fresh
/// memory. Row: processes, round trip, p50.
inline constexpr std::size_t smallest_buffer = 256;
/// A channel's end checks at most this often whether the other end is alive; in cycles: 20 to 50 µs. Row: channel.
inline constexpr std::uint64_t channel_look_interval = 100'000;
/// A channel's end whose last sleep was longer does not spin before the next one. Shorter, longer: as with brief_sleep.
/// Row: channel.
inline constexpr std::chrono::microseconds brief_channel_sleep{200};
/// A sender that waits for room sleeps so long until half of the channel is free, and then until there is room for its
/// value. Shorter: more wake-ups. Longer: it goes on later if its receiver takes a value now and then. Row: channel.
inline constexpr std::chrono::milliseconds longest_gathering_of_room{2};
/// What a channel's end keeps of a large value's buffer. Row: channel.
inline constexpr std::size_t kept_channel_buffer = std::size_t{16} << 20;
/// Cancelled tasks are taken out of the queue when they are so many, and half of the queue. Fewer: cancel() costs
/// O(size) more often. More: memory stays in use. No row; tests/programs/cancelled_tasks_take_no_memory.cpp holds it.
inline constexpr std::size_t cancelled_until_taken_out = 64;

// ---- MPI pools ------------------------------------------------------------------------------------
// Rows of these: benchmarks/README.md, "MPI ranks": round trip; submit and result; `map`, an item; 16 MiB there and back.

/// Before its first nap a thread looks for messages at least so often, and for at least mpi_looks_for. Between two
/// looks it pauses, and after mpi_pauses_for it yields. Then: the length of a nap, which grows while no message comes.
inline constexpr unsigned mpi_looks_before_nap = 100;
inline constexpr std::int64_t mpi_looks_for = 800'000, mpi_pauses_for = 20'000;
inline constexpr std::int64_t mpi_shortest_nap = 50'000, mpi_middle_nap = 1'000'000, mpi_longest_nap = 4'000'000;
/// Where a bell rings for all messages a thread looks for so long before it sleeps. After a sleep without a bell it
/// looks so many times: MPI may need one look to take a message in, and find it with the next.
inline constexpr std::int64_t mpi_looks_for_ring = 20'000;
inline constexpr unsigned mpi_looks_after_nap = 3;
/// How often the root hands out tasks, at most, while lanes are busy. When it takes tasks back from a lane: no result
/// for so long, or so much work. How large a full batch of messages is.
inline constexpr std::int64_t mpi_hand_out_interval = 10'000, mpi_stuck_after = 500'000;
inline constexpr double mpi_much_work = 1'000'000;
inline constexpr std::size_t mpi_full_batch = 64 * 1024;
/// How much work is sent to a rank in advance: at least, and at most. Less: the rank has nothing to do. More: tasks are
/// taken back.
inline constexpr double mpi_least_ahead = 200'000, mpi_most_ahead = 10'000'000;
/// The most tasks that are sent to a rank in advance. Fewer: short tasks run out. More: memory of the rank.
inline constexpr double mpi_most_tasks_ahead = 16 * 1024;
/// How long a waiting thread looks for its result while the engine thread is awake.
inline constexpr std::int64_t mpi_patience_with_engine = 50'000;
/// How long after the last news the engine thread takes naps, before it sleeps until it is woken. How long a look of
/// another thread counts, and how many such times the engine thread sleeps on while they look.
inline constexpr std::int64_t mpi_naps_for = 20'000'000, mpi_watch_lasts = 500'000;
inline constexpr int mpi_naps_while_watched = 3;
/// Bodies of at least this size are messages of their own.
inline constexpr std::size_t mpi_bulk_from = 32 * 1024;
/// In a rank. Results of tasks shorter than mpi_short_task are sent together, after mpi_send_interval or when the batch
/// is full (mpi_full_replies). Between tasks the rank looks for messages after mpi_look_interval.
inline constexpr std::int64_t mpi_short_task = 10'000, mpi_send_interval = 50'000, mpi_look_interval = 500'000;
inline constexpr std::size_t mpi_full_replies = 16 * 1024;

/// In a rank. A thread looks for messages while a task runs for longer than mpi_helper_tick, and keeps on for so many
/// ticks when none runs. Shorter: it wakes up more often. Longer: a task that waits for others waits longer.
inline constexpr std::chrono::milliseconds mpi_helper_tick{1};
inline constexpr int mpi_helper_ticks_awake = 20;
/// On the root's node a rank sleeps until the bell rings, but not longer than this: then MPI gets on with what tasks
/// have left to it, and unused memory goes back. Shorter: an idle rank takes processor time.
inline constexpr std::chrono::milliseconds mpi_longest_rank_sleep{100};
/// The ring between the root and a rank of its node; a power of two. As worker_ring.
inline constexpr std::size_t mpi_node_ring = 128 * 1024;
/// wait_idle() looks again after this. As idle_look_interval.
inline constexpr std::chrono::milliseconds mpi_idle_look_interval{1};

// ---- memory ---------------------------------------------------------------------------------------

/// The size of a page of blocks, with what posix_memalign adds; and how many free pages are kept. Smaller: the system
/// is asked more often. Larger: a few tasks keep much memory. Rows: threads, submit, keep, result; burst, bytes per
/// future (66.1 with pages of 4 KiB, 64.3 with 16).
inline constexpr std::size_t block_page = 16384, kept_block_pages = 16;
/// Larger blocks come from operator new. Smaller: more calls of it. Larger: fewer blocks in a page. Row: threads,
/// steady state, allocations per task.
inline constexpr std::size_t largest_block = 512;
/// Encoded calls up to this size are in one block with their task. Smaller: one allocation more. Larger: what is
/// cancelled or ended keeps more memory. Row: processes, submit, keep, result.
inline constexpr std::size_t bytes_beside_call = 256;

// ---- observers ------------------------------------------------------------------------------------

/// A trace has at most one row of counters in so long a time, per thread. Shorter: larger files. Longer: coarser
/// curves. See benchmarks/README.md, "What an event of a trace costs".
inline constexpr std::chrono::microseconds trace_counter_interval{20};
/// A hang report looks for a standstill, and a progress bar is drawn, at most this often. Shorter: processor time.
/// Longer: they come later. No row.
inline constexpr std::chrono::milliseconds hang_look_interval{100}, progress_interval{100};
/// Into how many parts with a mutex each the table of running tasks is cut. Fewer: threads wait for each other. More:
/// memory. No row.
inline constexpr std::size_t hang_report_shards = 64;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail::tuning
