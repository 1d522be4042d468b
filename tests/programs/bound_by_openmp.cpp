// SPDX-License-Identifier: MIT
// environment: OMP_PLACES=threads
// expect-output: All tests passed
//
// A thread that an OpenMP runtime has bound to one place: its process has the processors of all places. The runtime is a
// fake one, with the names of LLVM's: builds/openmp.py has the real ones.
#include <concurrent/futures/detail/platform/processor_set.hpp>

#include <sched.h>

#include <catch2/catch_test_macros.hpp>
#include <new>
#include <thread>
#include <vector>

namespace {

using concurrent::futures::detail::leave_openmp_place;
using concurrent::futures::detail::ProcessorSet;

using Places = std::vector<std::vector<int>>;

struct FakeRuntime {
    Places places;
    int questions = 0;
    bool is_out_of_memory = false;
};
FakeRuntime runtime;

/// Of this thread.
std::vector<int> processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> numbers;
    for (int number = 0; number < CPU_SETSIZE; ++number)
        if (CPU_ISSET(static_cast<std::size_t>(number), &set)) numbers.push_back(number);
    return numbers;
}

void bind_to(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(processor), &set);
    CHECK(::sched_setaffinity(0, sizeof set, &set) == 0);
}

/// In a thread of its own, since the processors of the first one are remembered.
template <class F>
void bound_to(int processor, const Places& places, F f) {
    runtime = {.places = places};
    std::thread([&] {
        bind_to(processor);
        f();
    }).join();
}

/// SKIPs where there is only one: nothing can be bound there.
std::vector<int> two_processors() {
    const std::vector<int> all = processors();
    if (all.size() < 2) SKIP("this process has one processor");
    return {all[0], all[1]};
}

TEST_CASE("a thread with the processors of one place: the process has those of all places", "[processor_set]") {
    const std::vector<int> two = two_processors();
    bound_to(two[0], {{two[0]}, {two[1]}}, [&] {
        CHECK(ProcessorSet::of_this_thread().count() == 1);
        CHECK(ProcessorSet::of_process().count() == 2);
        CHECK(processors() == std::vector<int>{two[0]});  // asking changes nothing
        leave_openmp_place();
        CHECK(processors() == two);
    });
    CHECK(runtime.questions > 0);
}

TEST_CASE("a thread that somebody else has bound keeps what it has", "[processor_set]") {
    const std::vector<int> two = two_processors();
    bound_to(two[0], {{two[0], two[1]}, {}}, [&] {
        CHECK(ProcessorSet::of_process().count() == 1);
        leave_openmp_place();
        CHECK(processors() == std::vector<int>{two[0]});
    });
    CHECK(runtime.questions > 0);
}

TEST_CASE("without memory for the places a thread keeps what it has", "[processor_set]") {
    const std::vector<int> two = two_processors();
    bound_to(two[0], {{two[0]}, {two[1]}}, [&] {
        runtime.is_out_of_memory = true;
        CHECK(ProcessorSet::of_process().count() == 1);
    });
}

TEST_CASE("LLVM's runtime is not asked by a thread with the processors of the first one: it would start", "[processor_set]") {
    runtime = {.places = {{0}, {1}}};
    CHECK(ProcessorSet::of_process() == ProcessorSet::of_this_thread());
    CHECK(runtime.questions == 0);
}

}  // namespace

extern "C" {

int omp_get_num_places() {
    ++runtime.questions;
    return static_cast<int>(runtime.places.size());
}
int omp_get_place_num_procs(int place) {
    if (runtime.is_out_of_memory) throw std::bad_alloc();
    return static_cast<int>(runtime.places[static_cast<std::size_t>(place)].size());
}
void omp_get_place_proc_ids(int place, int* numbers) {
    for (const int number : runtime.places[static_cast<std::size_t>(place)]) *numbers++ = number;
}
int __kmpc_global_thread_num(void*) { return 0; }  // only that it is there counts

}  // extern "C"
