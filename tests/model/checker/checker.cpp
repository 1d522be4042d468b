// SPDX-License-Identifier: MIT
//
// checker.cpp: see checker.hpp. First the memory, then the scheduler, then the functions of the system that it takes
// the place of, at last the search for orders of events.
//
//     checker [--only TEXT] [--preemptions N] [--old N] [--limit N] [--random N] [--seed N] [--reduce 0] [--stop 1] [--replay NUMBERS]
//
//     --reduce 0   without partial-order reduction        --stop 1   at the first scenario that is wrong
#include "model/checker/checker.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <iterator>
#include <map>
#include <new>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/checker/atomic.hpp"

namespace model {
namespace {

// ---- what a run leaves for the search, in memory that the child shares ---------------------------------------------

struct Trace {
    static constexpr std::size_t most = 1 << 17;
    std::uint32_t given;   // choices that are prescribed
    std::uint32_t length;  // choices that were made
    std::uint32_t steps;
    bool cut_short;  // an order that is the same as an earlier one
    // Of each choice: what was taken, and which may be taken in another run, as bits. More than 64 are not tried.
    std::uint8_t choice[most];
    std::uint64_t options[most];
    char message[2000];
};
Trace* trace = nullptr;

bool shared_pointers_order = false;  // things of which the views do not know

struct Bounds {
    int preemptions = 2;
    int old_values = 1;
    enum class Random { no, evenly, priorities } random = Random::no;
    bool reduce = true;
    int rarely = 8;  // at random: one in so many loads gives an old value, and without priorities one in so many operations lets
                     // another thread go on
    std::uint32_t most_steps = 20'000;
} bounds;
std::mt19937 dice;

// ---- threads ---------------------------------------------------------------------------------------------------------

using View = std::vector<std::uint32_t>;  // by the number of a location: the oldest value that may be read

void join(View& into, const View& from) {
    if (into.size() < from.size()) into.resize(from.size());
    for (std::size_t n = 0; n < from.size(); ++n) into[n] = (std::max)(into[n], from[n]);
}
std::uint32_t& at(View& view, std::uint32_t number) {
    if (view.size() <= number) view.resize(number + 1);
    return view[number];
}

constexpr std::int64_t never = INT64_MAX;

/// What a thread is about to do, or does.
struct Operation {
    const void* on = nullptr;
    bool changes = false;
    const void* also = nullptr;  // the mutex of a condition variable
    bool of_all = false;         // membarrier(): commutes with nothing
};

struct Thread {
    int number = 0;
    std::uint32_t own = 0;  // in views: how much of what this thread has read is known
    pthread_t id{};
    std::atomic<std::uint32_t> turn{0};
    View view;
    enum class Standing { runs, waits, ended } standing = Standing::runs;
    const void* waits_for = nullptr;
    const char* why = "";
    std::int64_t deadline = never;
    bool timed_out = false;
    int rounds = 0;  // of the destructors of its variables
    Operation next;
    bool sleeps = false;  // see "partial-order reduction"
    std::uint64_t priority = 0;
};

std::vector<Thread*> threads;
thread_local Thread* self = nullptr;
thread_local bool inside = false;
bool active = false;
std::int64_t virtual_now = 1'000'000'000'000;
pthread_key_t end_of_thread;

template <class Function>
Function* real(Function*& kept, const char* name) {
    if (!kept) kept = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
    return kept;
}
long real_syscall(long call, const void* address, long op, long value, const void* time = nullptr) {
    static long (*kept)(long, ...) = nullptr;
    return real(kept, "syscall")(call, address, op, value, time, nullptr, 0);
}

/// The thread is one of the model, and not in the checker itself.
bool watched() noexcept { return active && self && !inside; }
class Inside {
  public:
    Inside() noexcept { inside = true; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { inside = false; }
};

[[noreturn]] void fail(const std::string& what) {
    std::string text = what;
    for (const Thread* thread : threads)
        if (thread->standing == Thread::Standing::waits)
            text += "\n    thread " + std::to_string(thread->number) + " waits: " + thread->why;
    std::snprintf(trace->message, sizeof trace->message, "%s", text.c_str());
    ::_exit(1);
}

constexpr unsigned by_chance = UINT_MAX;
bool is_random() { return bounds.random != Bounds::Random::no; }
unsigned rarely_by_chance() { return dice() % static_cast<unsigned>(bounds.rarely) == 0 ? by_chance : 0; }
std::uint64_t first_of(std::size_t count) { return count < 64 ? (std::uint64_t{1} << count) - 1 : ~std::uint64_t{0}; }

/// One of `options`: as prescribed; `usually` or by chance; in a search the first one that is `allowed`.
unsigned choose(std::size_t options, unsigned usually, std::uint64_t allowed) {
    if (options <= 1) return 0;
    const std::uint32_t place = trace->length;
    if (place == Trace::most) fail("too many choices");
    unsigned choice = static_cast<unsigned>(std::countr_zero(allowed));
    if (place < trace->given)
        choice = trace->choice[place];
    else if (is_random())
        choice = usually != by_chance ? usually : static_cast<unsigned>(dice() % options);
    if (choice >= options) fail("the replay does not fit: the program is not the same, or not deterministic");
    trace->choice[place] = static_cast<std::uint8_t>(choice);
    trace->options[place] = allowed;
    ++trace->length;
    return choice;
}

void wait_for_turn(Thread& me) {
    while (me.turn.load() == 0) real_syscall(SYS_futex, &me.turn, FUTEX_WAIT_PRIVATE, 0);
    me.turn.store(0);
}
void give_turn(Thread& next) {
    next.turn.store(1);
    real_syscall(SYS_futex, &next.turn, FUTEX_WAKE_PRIVATE, 1);
}
void hand_over(Thread& next) {
    if (&next == self) return;
    if (next.sleeps) {
        trace->cut_short = true;
        ::_exit(0);
    }
    give_turn(next);
    wait_for_turn(*self);
}

// Partial-order reduction: a thread that could have gone on, and did not, sleeps until another one does something that its
// next operation does not commute with. An order in which it goes on before that is cut short: the thread could as well have
// done its operation and been interrupted behind it, which takes no more preemptions and was tried first. Between its
// operation and the next one a thread may unlock mutexes, end, and read what another one frees: those wake it, too.
void note_done(const Operation& done) {
    for (Thread* thread : threads) {
        if (!thread->sleeps) continue;
        const Operation& next = thread->next;
        if (done.of_all || next.of_all) thread->sleeps = false;
        if (!done.on) continue;
        const bool same = done.on == next.on || (next.also && done.on == next.also) || (done.also && done.also == next.on) ||
                          (done.also && done.also == next.also);
        if (same && (done.changes || next.changes)) thread->sleeps = false;
    }
}

std::uint64_t awake_of(const std::vector<Thread*>& all) {
    std::uint64_t bits = 0;
    for (std::size_t n = 0; n < all.size() && n < 64; ++n)
        if (!all[n]->sleeps) bits |= std::uint64_t{1} << n;
    return bits;
}

// At random, by priorities ("probabilistic concurrency testing"): the thread with the highest one goes on, but at a few steps
// of the run it gets the lowest one.
std::vector<std::uint32_t> priority_changes;  // steps
std::uint64_t lowest_priority = 0;

std::uint64_t new_priority() { return (std::uint64_t{1} << 32) + dice(); }
void get_lowest_priority() { self->priority = (std::uint64_t{1} << 31) - ++lowest_priority; }
unsigned index_of_highest(const std::vector<Thread*>& all) {
    const auto less = [](const Thread* a, const Thread* b) { return a->priority < b->priority; };
    return static_cast<unsigned>(std::max_element(all.begin(), all.end(), less) - all.begin());
}

/// Those that can go on, without the calling one, the next in number first.
std::vector<Thread*> others() {
    std::vector<Thread*> all;
    const auto mine = static_cast<std::size_t>(self->number);
    for (std::size_t n = 1; n < threads.size(); ++n) {
        Thread* const thread = threads[(mine + n) % threads.size()];
        if (thread->standing == Thread::Standing::runs) all.push_back(thread);
    }
    return all;
}
/// The next thread, when the calling one cannot go on.
Thread& successor() {
    std::vector<Thread*> all = others();
    const bool by_priority = bounds.random == Bounds::Random::priorities;
    if (!all.empty()) {
        const std::uint64_t allowed = awake_of(all);
        return *all[choose(all.size(), by_priority ? index_of_highest(all) : by_chance, allowed != 0 ? allowed : 1)];
    }
    Thread* first = nullptr;
    for (Thread* thread : threads)
        if (thread->standing == Thread::Standing::waits && thread->deadline != never &&
            (!first || thread->deadline < first->deadline))
            first = thread;
    if (!first) fail("deadlock: no thread can go on");
    virtual_now = (std::max)(virtual_now, first->deadline);
    first->timed_out = true;
    first->standing = Thread::Standing::runs;
    return *first;
}

void step() {
    virtual_now += 100;
    if (++trace->steps > bounds.most_steps) fail("no end: too many steps");
}
/// Before an operation: a point at which another thread may go on.
void visible(const Operation& next) {
    step();
    self->next = next;
    std::vector<Thread*> all = others();
    all.insert(all.begin(), self);
    unsigned usually = 0;
    if (bounds.random == Bounds::Random::priorities) {
        if (std::erase(priority_changes, trace->steps) != 0) get_lowest_priority();
        usually = index_of_highest(all);
    } else if (is_random()) {
        usually = rarely_by_chance();
    }
    const unsigned choice = choose(all.size(), usually, bounds.preemptions > 0 ? awake_of(all) : 1);
    if (choice != 0) {
        --bounds.preemptions;
        self->sleeps = bounds.reduce && !is_random();
        hand_over(*all[choice]);
    }
    note_done(next);
}
/// Until wake() or the deadline; false: the deadline.
bool block(const void* waits_for, const char* why, std::int64_t deadline = never) {
    self->standing = Thread::Standing::waits;
    self->waits_for = waits_for;
    self->why = why;
    self->deadline = deadline;
    self->timed_out = false;
    hand_over(successor());
    self->waits_for = nullptr;
    return !self->timed_out;
}
void wake(Thread& thread) noexcept {
    if (thread.standing == Thread::Standing::waits) thread.standing = Thread::Standing::runs;
}
void wake_all(const void* waits_for) noexcept {
    for (Thread* thread : threads)
        if (thread->waits_for == waits_for) wake(*thread);
}
void let_others_go_on() {
    step();
    if (bounds.random == Bounds::Random::priorities) get_lowest_priority();
    const std::vector<Thread*> all = others();
    if (!all.empty()) hand_over(*all.front());
}

// ---- memory ----------------------------------------------------------------------------------------------------------

struct Stored {
    std::uint64_t value;
    View view;  // what a reader with acquire learns
};
/// When a thread used something last, by its own count. Others know of it by their views.
struct Uses {
    std::vector<std::pair<const Thread*, std::uint32_t>> last;

    void note() {
        const std::uint32_t time = ++at(self->view, self->own);
        for (auto& [thread, then] : last)
            if (thread == self) return void(then = time);
        last.emplace_back(self, time);
    }
    /// A thread whose use the calling thread need not know of, or null.
    const Thread* unknown() const {
        for (const auto& [thread, time] : last)
            if (at(self->view, thread->own) < time) return thread;
        return nullptr;
    }
};
struct Location {
    std::uint32_t number = 0;
    std::uint32_t strong = 0;  // the newest value that was stored with seq_cst
    std::vector<Stored> values;
    Uses uses;

    std::uint32_t newest() const { return static_cast<std::uint32_t>(values.size()) - 1; }
};
std::map<std::uintptr_t, Location> locations;
std::unordered_map<const void*, std::uint32_t> constructed;  // atomics in this run; the number of that as a location
std::uint32_t numbers = 0;  // given to locations

bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
// Memory that was freed in this run. It is not given out again, so what is still used is seen: atomics and mutexes are,
// other members only by what they hold then.
std::map<std::uintptr_t, std::size_t> freed;

void must_be_alive(const void* address, const char* what) {
    const auto place = reinterpret_cast<std::uintptr_t>(address);
    if (const auto behind = freed.upper_bound(place); behind != freed.begin())
        if (const auto& [begin, length] = *std::prev(behind); place < begin + length)
            fail(std::string("used after it was freed: ") + what + ", by thread " + std::to_string(self->number));
}
void keep_freed(void* block) {
    if (!block) return;
    if (!watched()) return std::free(block);
    const Inside guard;
    const std::size_t size = ::malloc_usable_size(block);
    if (!freed.emplace(reinterpret_cast<std::uintptr_t>(block), size).second) fail("freed twice");
    for (Thread* thread : threads) thread->sleeps = false;
    const auto begin = reinterpret_cast<std::uintptr_t>(block);
    auto used = shared_pointers_order ? locations.end() : locations.lower_bound(begin);
    for (; used != locations.end() && used->first < begin + size; ++used)
        if (const Thread* const other = used->second.uses.unknown())
            fail("data race: thread " + std::to_string(self->number) + " frees an atomic that thread " +
                 std::to_string(other->number) + " may still use");
    std::memset(block, 0xDD, size);
}

Location& location_at(const void* address, std::size_t size) {
    must_be_alive(address, "an atomic");
    const auto made = constructed.find(address);
    if (!shared_pointers_order && made != constructed.end() && at(self->view, made->second) == 0)
        fail("data race: thread " + std::to_string(self->number) + " uses an atomic whose construction it need not know of");
    std::uint64_t value = 0;
    std::memcpy(&value, address, size);
    Location& location = locations[reinterpret_cast<std::uintptr_t>(address)];
    if (location.values.empty() || location.values.back().value != value) {
        location = Location();  // new, or memory that was used for something else
        location.number = numbers++;
        location.values.push_back({value, {}});
    }
    location.uses.note();
    return location;
}
void add(Location& location, std::uint64_t value, std::memory_order order, const View& sequence) {
    const std::uint32_t time = location.newest() + 1;
    at(self->view, location.number) = time;
    View view = sequence;
    if (releases(order)) join(view, self->view);
    at(view, location.number) = time;
    location.values.push_back({value, std::move(view)});
    if (order == std::memory_order_seq_cst) location.strong = time;
}

/// membarrier(): every thread has passed a full barrier. It tells nothing of what is no atomic.
void barrier_of_all() {
    for (const auto& [address, location] : locations)
        for (Thread* thread : threads) at(thread->view, location.number) = location.newest();
}

// ---- what the system keeps -------------------------------------------------------------------------------------------

struct Mutex {
    Thread* owner = nullptr;
    View view;
};
std::unordered_map<const void*, Mutex> mutexes;
std::unordered_map<const void*, std::deque<Thread*>> sleepers;  // of futexes, condition variables and descriptors
const char descriptors = 0;  // its address stands for all of them

void lock(const void* address) {
    must_be_alive(address, "a mutex");
    Mutex& mutex = mutexes[address];
    if (mutex.owner) mutex.owner->sleeps = false;
    while (mutex.owner) block(address, "for a mutex");
    mutex.owner = self;
    join(self->view, mutex.view);
}
void unlock(const void* address) {
    must_be_alive(address, "a mutex that is unlocked");
    Mutex& mutex = mutexes[address];
    mutex.owner = nullptr;
    mutex.view = self->view;
    note_done({address, true});
    wake_all(address);
}
/// False: the deadline came first.
bool sleep_at(const void* address, const char* why, std::int64_t deadline) {
    sleepers[address].push_back(self);
    if (block(address, why, deadline)) return true;
    std::erase(sleepers[address], self);
    return false;
}
int wake_at(const void* address, long count, bool any) {
    std::deque<Thread*>& all = sleepers[address];
    int woken = 0;
    for (; woken < count && !all.empty(); ++woken) {
        const auto place = any && count == 1 ? choose(all.size(), by_chance, first_of(all.size())) : 0u;
        wake(*all[place]);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(place));
    }
    return woken;
}
std::int64_t nanoseconds(const std::timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }
std::int64_t later(std::int64_t length) {
    return length > never - virtual_now ? never : virtual_now + (std::max)(length, std::int64_t{0});
}

void end_this_thread(void* given) {
    Thread& me = *static_cast<Thread*>(given);
    if (++me.rounds < 3) {  // after the destructors of all other variables of the thread
        ::pthread_setspecific(end_of_thread, given);
        return;
    }
    const Inside guard;
    me.standing = Thread::Standing::ended;
    note_done({&me, true});
    wake_all(&me);
    give_turn(successor());
    self = nullptr;
}

struct Start {
    void* (*function)(void*);
    void* argument;
    Thread* thread;
};
void* run_thread(void* given) {
    const Start start = *static_cast<Start*>(given);
    delete static_cast<Start*>(given);
    inside = true;
    self = start.thread;
    wait_for_turn(*self);
    ::pthread_setspecific(end_of_thread, self);
    inside = false;
    return start.function(start.argument);
}

}  // namespace

// ---- of atomic.hpp and checker.hpp -------------------------------------------------------------------------------------

void forget(const void* address) noexcept {
    if (!watched()) return;
    const Inside guard;
    locations.erase(reinterpret_cast<std::uintptr_t>(address));
    at(self->view, constructed[address] = numbers++) = 1;
}
std::uint64_t load(const void* address, std::size_t size, std::memory_order order) noexcept {
    if (!watched()) {
        std::uint64_t value = 0;
        std::memcpy(&value, address, size);
        return value;
    }
    const Inside guard;
    visible({address, false});
    Location& location = location_at(address, size);
    const std::uint32_t newest = location.newest();
    std::uint32_t oldest = at(self->view, location.number);
    if (order == std::memory_order_seq_cst) oldest = (std::max)(oldest, location.strong);
    const std::size_t count = newest - oldest + 1;
    const std::uint32_t age =
        choose(count, is_random() ? rarely_by_chance() : 0, bounds.old_values > 0 ? first_of(count) : 1);
    if (age != 0) --bounds.old_values;
    const Stored& stored = location.values[newest - age];
    at(self->view, location.number) = newest - age;
    if (acquires(order)) join(self->view, stored.view);
    return stored.value;
}
void store(const void* address, std::size_t size, std::uint64_t value, std::memory_order order) noexcept {
    if (!watched()) return;
    const Inside guard;
    visible({address, true});
    add(location_at(address, size), value, order, {});
}
void begin_update(const void* address, std::size_t size) noexcept {
    if (!watched()) return;
    const Inside guard;
    visible({address, true});
    location_at(address, size);
}
void update(const void* address, std::uint64_t value, std::memory_order order) noexcept {
    if (!watched()) return;
    const Inside guard;
    Location& location = locations.at(reinterpret_cast<std::uintptr_t>(address));
    const View before = location.values.back().view;  // a read-modify-write continues a release sequence
    if (acquires(order)) join(self->view, before);
    add(location, value, order, before);
}
void keep(const void* address, std::memory_order order) noexcept {
    if (!watched()) return;
    const Inside guard;
    Location& location = locations.at(reinterpret_cast<std::uintptr_t>(address));
    at(self->view, location.number) = location.newest();
    if (acquires(order)) join(self->view, location.values.back().view);
}

bool (*answers_instead)(long call, const long* arguments, long& result) noexcept = nullptr;
void uses_shared_pointers() noexcept { shared_pointers_order = true; }
void expect(bool right, const char* what) noexcept {
    if (!right) fail(std::string("wrong: ") + what);
}

/// A Watch: who has written it, and who has read that.
struct Plain {
    std::uint32_t number = 0, writes = 0;
    std::vector<std::pair<const Thread*, std::uint32_t>> reads;
};
static std::unordered_map<const void*, Plain> plain;

void Watch::begin() noexcept {
    if (!watched()) return;
    const Inside guard;
    Plain& mine = plain[this] = Plain{numbers++, 1, {}};
    at(self->view, mine.number) = mine.writes;
}
void Watch::end() noexcept {
    if (!watched()) return;
    change();
    plain.erase(this);
}
void Watch::change() noexcept {
    read();
    if (!watched()) return;
    const Inside guard;
    const auto found = plain.find(this);
    if (found == plain.end()) return;
    for (const auto& [thread, time] : found->second.reads)
        if (at(self->view, thread->own) < time)
            fail("data race: thread " + std::to_string(self->number) +
                 " changes or destroys a value while thread " + std::to_string(thread->number) + " may read it");
    found->second.reads.clear();
    at(self->view, found->second.number) = ++found->second.writes;
}
void Watch::read() const noexcept {
    if (!watched()) return;
    const Inside guard;
    const auto found = plain.find(this);
    if (found == plain.end()) return;
    if (at(self->view, found->second.number) < found->second.writes)
        fail("data race: thread " + std::to_string(self->number) + " reads a value whose writing it need not know of");
    found->second.reads.emplace_back(self, ++at(self->view, self->own));
}

// ---- the search --------------------------------------------------------------------------------------------------------

static Scenario* scenarios = nullptr;
Scenario::Scenario(const char* its_name, void (*its_body)()) : name(its_name), body(its_body), next(scenarios) {
    scenarios = this;
}

namespace {

[[noreturn]] void run_in_child(const Scenario& scenario, unsigned seed, std::uint32_t usual_steps) {
    ::alarm(30);
    dice.seed(seed);
    if (bounds.random == Bounds::Random::priorities)
        for (auto changes = dice() % 4; changes > 0; --changes)
            priority_changes.push_back(1 + static_cast<std::uint32_t>(dice()) % (usual_steps + 1));
    Thread main;
    main.id = ::pthread_self();
    main.own = numbers++;
    main.priority = new_priority();
    threads.push_back(&main);
    self = &main;
    ::pthread_key_create(&end_of_thread, &end_this_thread);
    active = true;
    try {
        scenario.body();
    } catch (const std::exception& error) {
        fail(std::string("an exception left the scenario: ") + error.what());
    }
    ::_exit(0);
}

/// What went wrong, or nothing.
std::string run(const Scenario& scenario, const std::vector<std::uint8_t>& given, unsigned seed) {
    trace->given = static_cast<std::uint32_t>(given.size());
    std::copy(given.begin(), given.end(), trace->choice);
    const std::uint32_t usual_steps = trace->steps;
    trace->length = trace->steps = 0;
    trace->cut_short = false;
    trace->message[0] = 0;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) run_in_child(scenario, seed, usual_steps);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (trace->message[0]) return trace->message;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "hangs outside of what the checker sees"
                                           : std::string("ended by signal ") + ::strsignal(WTERMSIG(status));
    return "ended with status " + std::to_string(status);
}
std::string choices() {
    std::string text;
    for (std::uint32_t n = 0; n < trace->length; ++n)
        if (trace->choice[n] != 0) text += std::to_string(n) + ":" + std::to_string(trace->choice[n]) + ",";
    return text.empty() ? "none" : text;
}
std::vector<std::uint8_t> choices_of(const char* text) {
    std::vector<std::uint8_t> given;
    while (*text && *text != 'n') {
        char* end = nullptr;
        const auto place = std::strtoul(text, &end, 10);
        given.resize((std::max<std::size_t>)(given.size(), place + 1));
        given[place] = static_cast<std::uint8_t>(std::strtoul(end + 1, &end, 10));
        text = *end == ',' ? end + 1 : end;
    }
    return given;
}

struct Counts {
    unsigned long exhaustive = 0, cut_short = 0, random = 0;
    bool complete = false;
    std::uint32_t steps = 0;
};
struct Wanted {
    unsigned long limit = 2000, random = 500;
    unsigned seed = 1;
};

/// All orders within the bounds, at most `limit`.
std::string search(const Scenario& scenario, unsigned long limit, Counts& counts) {
    std::vector<std::uint8_t> given;
    bounds.random = Bounds::Random::no;
    counts.complete = false;
    while (counts.exhaustive < limit) {
        const std::string error = run(scenario, given, 0);
        ++counts.exhaustive;
        counts.cut_short += trace->cut_short;
        counts.steps = (std::max)(counts.steps, trace->steps);
        if (!error.empty()) return error;
        std::uint32_t last = trace->length;
        const auto untried = [&] { return trace->options[last - 1] & ~first_of(trace->choice[last - 1] + 1u); };
        while (last > 0 && untried() == 0) --last;
        if (last == 0) {
            counts.complete = true;
            break;
        }
        given.assign(trace->choice, trace->choice + last);
        given.back() = static_cast<std::uint8_t>(std::countr_zero(untried()));
    }
    return {};
}
std::string explore(const Scenario& scenario, const Wanted& wanted, Counts& counts) {
    // The simplest orders first, so that a mistake that few preemptions or old values show is soon seen, and in a few steps.
    const Bounds given = bounds;
    std::string error;
    for (int part = 1; part <= 3 && error.empty(); ++part) {
        bounds.preemptions = part == 1 ? 0 : part == 2 ? (std::min)(given.preemptions, 1) : given.preemptions;
        if (part == 2) bounds.old_values = (std::min)(given.old_values, 1);
        error = search(scenario, wanted.limit * static_cast<unsigned long>(part) / 3, counts);
        bounds = given;
    }
    for (; error.empty() && counts.random < wanted.random; ++counts.random) {
        const auto seed = wanted.seed + static_cast<unsigned>(counts.random);
        bounds.random = seed % 2 == 0 ? Bounds::Random::evenly : Bounds::Random::priorities;
        bounds.rarely = 2 << seed / 2 % 4;
        error = run(scenario, {}, seed);
        counts.steps = (std::max)(counts.steps, trace->steps);
    }
    bounds = given;
    return error;
}

}  // namespace
}  // namespace model

int main(int argc, char** argv) {
    using namespace model;
    std::string only, replay;
    bool stop = false;
    Wanted wanted;
    for (int n = 1; n + 1 < argc; n += 2) {
        const std::string option = argv[n];
        if (option == "--only") only = argv[n + 1];
        else if (option == "--preemptions") bounds.preemptions = std::atoi(argv[n + 1]);
        else if (option == "--old") bounds.old_values = std::atoi(argv[n + 1]);
        else if (option == "--limit") wanted.limit = std::strtoul(argv[n + 1], nullptr, 10);
        else if (option == "--random") wanted.random = std::strtoul(argv[n + 1], nullptr, 10);
        else if (option == "--seed") wanted.seed = static_cast<unsigned>(std::atoi(argv[n + 1]));
        else if (option == "--reduce") bounds.reduce = std::atoi(argv[n + 1]) != 0;
        else if (option == "--stop") stop = std::atoi(argv[n + 1]) != 0;
        else if (option == "--replay") replay = argv[n + 1];
        else return std::fprintf(stderr, "unknown option %s\n", argv[n]), 2;
    }
    // With one processor the library does not spin, and the processor passes on faster.
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    trace = static_cast<Trace*>(
        ::mmap(nullptr, sizeof(Trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::vector<Scenario*> all;
    for (Scenario* scenario = scenarios; scenario; scenario = scenario->next)
        if (std::string(scenario->name).find(only) != std::string::npos) all.insert(all.begin(), scenario);
    unsigned long runs = 0;
    int wrong = 0;
    for (const Scenario* scenario : all) {
        Counts counts;
        std::string error;
        if (replay.empty()) {
            error = explore(*scenario, wanted, counts);
        } else {
            bounds.reduce = false;
            error = run(*scenario, choices_of(replay.c_str()), 0);
        }
        runs += counts.exhaustive + counts.random;
        std::printf("%s: %lu%s orders within %d preemptions and %d old values, %lu of them cut short, %lu at random, at most %u steps\n",
                    scenario->name, counts.exhaustive, counts.complete ? " (all)" : "", bounds.preemptions, bounds.old_values,
                    counts.cut_short, counts.random, counts.steps);
        if (!error.empty()) {
            ++wrong;
            std::printf("WRONG: %s: %s\n    repeat: --only '%s' --replay %s\n", scenario->name, error.c_str(), scenario->name,
                        choices().c_str());
            if (stop) break;
        }
    }
    std::printf("%zu scenarios, %lu runs, %d wrong\n", all.size(), runs, wrong);
    return wrong == 0 && !all.empty() ? 0 : 1;
}

// ---- instead of the functions of the system ------------------------------------------------------------------------------

#define REAL(name) model::real(kept, #name)

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static int (*kept)(pthread_mutex_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_mutex_lock)(mutex);
    const model::Inside guard;
    model::visible({mutex, true});
    model::lock(mutex);
    return 0;
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
    static int (*kept)(pthread_mutex_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_mutex_trylock)(mutex);
    const model::Inside guard;
    model::visible({mutex, true});
    if (model::Thread* const owner = model::mutexes[mutex].owner) {
        owner->sleeps = false;
        return EBUSY;
    }
    model::lock(mutex);
    return 0;
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    static int (*kept)(pthread_mutex_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_mutex_unlock)(mutex);
    const model::Inside guard;
    model::unlock(mutex);
    return 0;
}

static int wait_on(pthread_cond_t* changed, pthread_mutex_t* mutex, std::int64_t deadline) {
    const model::Inside guard;
    model::visible({changed, true, mutex});
    model::unlock(mutex);
    const bool woken = model::sleep_at(changed, "for a condition variable", deadline);
    model::lock(mutex);
    return woken ? 0 : ETIMEDOUT;
}
int pthread_cond_wait(pthread_cond_t* changed, pthread_mutex_t* mutex) {
    static int (*kept)(pthread_cond_t*, pthread_mutex_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_cond_wait)(changed, mutex);
    return wait_on(changed, mutex, model::never);
}
int pthread_cond_clockwait(pthread_cond_t* changed, pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
    static int (*kept)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*) = nullptr;
    if (!model::watched()) return REAL(pthread_cond_clockwait)(changed, mutex, clock, time);
    return wait_on(changed, mutex, model::nanoseconds(*time));
}
int pthread_cond_signal(pthread_cond_t* changed) noexcept {
    static int (*kept)(pthread_cond_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_cond_signal)(changed);
    const model::Inside guard;
    model::visible({changed, true});
    model::wake_at(changed, 1, true);
    return 0;
}
int pthread_cond_broadcast(pthread_cond_t* changed) noexcept {
    static int (*kept)(pthread_cond_t*) = nullptr;
    if (!model::watched()) return REAL(pthread_cond_broadcast)(changed);
    const model::Inside guard;
    model::visible({changed, true});
    model::wake_at(changed, INT32_MAX, true);
    return 0;
}

int pthread_create(pthread_t* id, const pthread_attr_t* attributes, void* (*function)(void*), void* argument) noexcept {
    static int (*kept)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) = nullptr;
    if (!model::watched()) return REAL(pthread_create)(id, attributes, function, argument);
    const model::Inside guard;
    auto* const thread = new model::Thread;
    thread->number = static_cast<int>(model::threads.size());
    thread->view = model::self->view;
    thread->own = model::numbers++;
    const int error =
        REAL(pthread_create)(id, attributes, &model::run_thread, new model::Start{function, argument, thread});
    if (error != 0) model::fail("a thread could not be started");
    thread->id = *id;
    thread->priority = model::new_priority();
    model::threads.push_back(thread);
    model::visible({});
    return 0;
}
int pthread_join(pthread_t id, void** result) {
    static int (*kept)(pthread_t, void**) = nullptr;
    if (!model::watched()) return REAL(pthread_join)(id, result);
    const model::Inside guard;
    // The newest one with that id: a thread that was detached and has ended may have had it. Others may start meanwhile.
    const auto place = std::find_if(model::threads.rbegin(), model::threads.rend(),
                                    [id](const model::Thread* thread) { return thread->id == id && thread->number != 0; });
    if (place != model::threads.rend()) {
        model::Thread* const thread = *place;
        model::visible({thread, false});
        thread->sleeps = false;
        while (thread->standing != model::Thread::Standing::ended) model::block(thread, "for the end of a thread");
        model::join(model::self->view, thread->view);
        thread->id = {};
    }
    return REAL(pthread_join)(id, result);
}

int sched_yield() noexcept {
    static int (*kept)() = nullptr;
    if (!model::watched()) return REAL(sched_yield)();
    const model::Inside guard;
    model::let_others_go_on();
    return 0;
}
int nanosleep(const timespec* time, timespec* left) {
    static int (*kept)(const timespec*, timespec*) = nullptr;
    if (!model::watched()) return REAL(nanosleep)(time, left);
    const model::Inside guard;
    model::step();
    model::block(nullptr, "for a time", model::later(model::nanoseconds(*time)));
    return 0;
}
int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
    static int (*kept)(clockid_t, int, const timespec*, timespec*) = nullptr;
    if (!model::watched()) return REAL(clock_nanosleep)(clock, flags, time, left);
    const model::Inside guard;
    model::step();
    const std::int64_t given = model::nanoseconds(*time);
    model::block(nullptr, "for a time", flags & TIMER_ABSTIME ? given : model::later(given));
    return 0;
}
int clock_gettime(clockid_t clock, timespec* time) noexcept {
    static int (*kept)(clockid_t, timespec*) = nullptr;
    if (!model::watched() || clock != CLOCK_MONOTONIC) return REAL(clock_gettime)(clock, time);
    model::virtual_now += 100;
    time->tv_sec = model::virtual_now / 1'000'000'000;
    time->tv_nsec = model::virtual_now % 1'000'000'000;
    return 0;
}

// Whoever writes to a descriptor or closes one wakes all that poll.
int poll(pollfd* entries, nfds_t count, int milliseconds) {
    static int (*kept)(pollfd*, nfds_t, int) = nullptr;
    if (!model::watched()) return REAL(poll)(entries, count, milliseconds);
    const model::Inside guard;
    const std::int64_t deadline = milliseconds < 0 ? model::never : model::later(milliseconds * 1'000'000LL);
    for (;;) {
        model::visible({&model::descriptors, true});
        const int ready = REAL(poll)(entries, count, 0);
        if (ready != 0 || milliseconds == 0) return ready;
        if (!model::sleep_at(&model::descriptors, "in poll()", deadline)) return 0;
    }
}
ssize_t write(int descriptor, const void* data, size_t size) {
    static ssize_t (*kept)(int, const void*, size_t) = nullptr;
    if (!model::watched()) return REAL(write)(descriptor, data, size);
    const model::Inside guard;
    model::visible({&model::descriptors, true});
    const ssize_t result = REAL(write)(descriptor, data, size);
    model::wake_at(&model::descriptors, INT32_MAX, false);
    return result;
}
ssize_t writev(int descriptor, const iovec* parts, int count) {
    static ssize_t (*kept)(int, const iovec*, int) = nullptr;
    if (!model::watched()) return REAL(writev)(descriptor, parts, count);
    const model::Inside guard;
    model::visible({&model::descriptors, true});
    const ssize_t result = REAL(writev)(descriptor, parts, count);
    model::wake_at(&model::descriptors, INT32_MAX, false);
    return result;
}
ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
    static ssize_t (*kept)(int, const msghdr*, int) = nullptr;
    if (!model::watched()) return REAL(sendmsg)(descriptor, message, flags);
    const model::Inside guard;
    model::visible({&model::descriptors, true});
    const ssize_t result = REAL(sendmsg)(descriptor, message, flags);
    model::wake_at(&model::descriptors, INT32_MAX, false);
    return result;
}
int close(int descriptor) {
    static int (*kept)(int) = nullptr;
    if (!model::watched()) return REAL(close)(descriptor);
    const model::Inside guard;
    model::visible({&model::descriptors, true});
    const int result = REAL(close)(descriptor);
    model::wake_at(&model::descriptors, INT32_MAX, false);
    return result;
}

long syscall(long call, ...) noexcept {
    std::va_list list;
    va_start(list, call);
    long given[6];
    for (long& one : given) one = va_arg(list, long);
    va_end(list);
    static long (*kept)(long, ...) = nullptr;
    if (model::watched() && call == SYS_clock_gettime)
        return clock_gettime(static_cast<clockid_t>(given[0]), reinterpret_cast<timespec*>(given[1]));
    if (model::watched() && call == SYS_membarrier) {
        const model::Inside guard;
        model::visible({.of_all = true});
        model::barrier_of_all();
        return 0;
    }
    if (long result = 0; model::watched() && model::answers_instead && model::answers_instead(call, given, result)) return result;
    if (!model::watched() || call != SYS_futex)
        return REAL(syscall)(call, given[0], given[1], given[2], given[3], given[4], given[5]);
    const model::Inside guard;
    const auto* const word = reinterpret_cast<const std::uint32_t*>(given[0]);
    const auto* const limit = reinterpret_cast<const timespec*>(given[3]);
    model::visible({word, true});
    switch (given[1] & FUTEX_CMD_MASK) {
        case FUTEX_WAKE: return model::wake_at(word, given[2], false);
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET: {
            if (*word != static_cast<std::uint32_t>(given[2])) {
                errno = EAGAIN;
                return -1;
            }
            const std::int64_t deadline = limit ? model::later(model::nanoseconds(*limit)) : model::never;
            if (model::sleep_at(word, "on a futex", deadline)) return 0;
            errno = ETIMEDOUT;
            return -1;
        }
        default: model::fail("a futex operation that the checker does not know");
    }
}

}  // extern "C"

void operator delete(void* block) noexcept { model::keep_freed(block); }
void operator delete(void* block, std::size_t) noexcept { model::keep_freed(block); }
void operator delete(void* block, std::align_val_t) noexcept { model::keep_freed(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { model::keep_freed(block); }
