// SPDX-License-Identifier: MIT
//
// The pool's side by itself; both sides at work are in shared_array.test.cpp and broadcast.test.cpp.
#include <concurrent/futures/detail/processes/region_exchange.hpp>

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;

struct Sockets {
    RegionLender lender;
    FileDescriptor workers;

    Sockets() {
        auto ends = make_descriptor_sockets();
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        lender = RegionLender(PoolDescriptor(std::move(ends.first)));
        workers = std::move(ends.second);
    }
};

Frame question(const RegionNumber& number) {
    Frame frame{make_header(FrameType::want, sizeof number), {}, false};
    std::memcpy(frame.body.extend(sizeof number), &number, sizeof number);
    return frame;
}

TEST_CASE("a question of a worker that has died since is no offence", "[region_exchange]") {
    const auto region = SharedRegion::over(SharedBlock::make(100), false);
    Sockets sockets;
    sockets.workers.reset();
    CHECK(!sockets.lender.answer(question(region->name().number)));
    CHECK(!sockets.lender.answer(question(RegionNumber{})));
}

TEST_CASE("a question is answered, whether there is such memory or not", "[region_exchange]") {
    const auto region = SharedRegion::over(SharedBlock::make(100), false);
    Sockets sockets;
    for (const RegionNumber number : {region->name().number, RegionNumber{}}) {
        CHECK(sockets.lender.answer(question(number)));
        RegionMessage message;
        FileDescriptor fd;
        const auto end = receive_descriptor(sockets.workers.get(), &message, sizeof message, fd, false);
        CHECK(end.kind == IoResult::Kind::moved);
        CHECK(message.name.number == number);
        CHECK((message.error == 0) == (number == region->name().number));
        CHECK(static_cast<bool>(fd) == (message.error == 0));
    }
}

TEST_CASE("a worker that asks on and takes no answer is refused", "[region_exchange]") {
    const auto region = SharedRegion::over(SharedBlock::make(100), false);
    Sockets sockets;
    const auto ask_on = [&](const RegionNumber& number) {
        for (int i = 0; i < 100'000; ++i) sockets.lender.answer(question(number));
    };
    CHECK_THROWS_AS(ask_on(RegionNumber{}), SerializationError);
    CHECK_THROWS_AS(sockets.lender.answer(question(region->name().number)), SerializationError);
}

TEST_CASE("a worker is told of the end of memory that went and came back before the pool looked", "[region_exchange]") {
    SharedRegions& regions = SharedRegions::instance();
    auto region = SharedRegion::over(SharedBlock::make(100), false);
    const RegionName name = region->name();
    FileDescriptor with_result(::fcntl(region->fd(), F_DUPFD_CLOEXEC, 10));
    Sockets sockets;
    CHECK(sockets.lender.answer(question(name.number)));
    std::vector<RegionNumber> forgotten;
    const auto forget = [&](const RegionNumber& number) { forgotten.push_back(number); };

    region.reset();
    region = SharedRegion::adopt(std::move(with_result), name);
    sockets.lender.forget_dead(forget);
    CHECK(forgotten.empty());

    const std::uint64_t deaths = regions.deaths();
    region.reset();
    CHECK(regions.deaths() != deaths);  // so the pool looks again
    sockets.lender.forget_dead(forget);
    CHECK(forgotten == std::vector{name.number});
}

TEST_CASE("memory that came with a call is not sent with its result", "[region_exchange]") {
    const std::vector<std::shared_ptr<SharedRegion>> both{SharedRegion::over(SharedBlock::make(100), false),
                                                          SharedRegion::over(SharedBlock::make(100), false)};
    auto ends = make_descriptor_sockets();
    RegionBorrower borrower(std::move(ends.first), [](const RegionNumber&) {});
    for (const auto& region : both) borrower.note(region);
    int sent = 0;
    const auto count = [&](const RegionName&) { ++sent; };
    borrower.send(both, count);
    CHECK(sent == 0);
    borrower.end_call();
    borrower.send(both, count);
    CHECK(sent == 2);
}

TEST_CASE("a worker is told once of memory that is gone, however often it has asked for it", "[region_exchange]") {
    Sockets sockets;
    RegionNumber number{};
    {
        const auto region = SharedRegion::over(SharedBlock::make(100), false);
        number = region->name().number;
        for (int times = 0; times < 2; ++times) CHECK(sockets.lender.answer(question(number)));
        sockets.lender.forget_dead([](const RegionNumber&) { FAIL("it is here"); });
    }
    std::vector<RegionNumber> told;
    for (int times = 0; times < 2; ++times)
        sockets.lender.forget_dead([&](const RegionNumber& dead) { told.push_back(dead); });
    CHECK(told == std::vector{number});
}

TEST_CASE("a worker finds the answer to its question behind a former one, and no memory is not an error", "[region_exchange]") {
    const auto other = SharedRegion::over(SharedBlock::make(100), false);
    const auto region = SharedRegion::over(SharedBlock::make(200), false);
    Sockets sockets;
    RegionBorrower borrower(std::move(sockets.workers),
                            [&](const RegionNumber& number) { CHECK(sockets.lender.answer(question(number))); });
    CHECK(sockets.lender.answer(question(other->name().number)));  // nobody has read it
    CHECK(borrower.fetch(region->name()) == region);
    CHECK(borrower.fetch(RegionName{}) == nullptr);
}

TEST_CASE("memory that a result names twice is sent once, and what was not announced is refused", "[region_exchange]") {
    const auto region = SharedRegion::over(SharedBlock::make(100), false);
    const auto other = SharedRegion::over(SharedBlock::make(100), false);
    Sockets sockets;
    RegionBorrower borrower(std::move(sockets.workers), [](const RegionNumber&) {});
    const std::vector<std::shared_ptr<SharedRegion>> named{region, other, region};
    std::vector<RegionName> announced;
    borrower.send(named, [&](const RegionName& name) { announced.push_back(name); });
    CHECK(announced == std::vector{region->name(), other->name()});
    const auto frame_of = [](const RegionName& name) {
        Frame frame{make_header(FrameType::memory, sizeof name), {}, false};
        std::memcpy(frame.body.extend(sizeof name), &name, sizeof name);
        return frame;
    };
    sockets.lender.receive(frame_of(region->name()));
    CHECK(sockets.lender.take_received() == SharedRegionList{region});
    CHECK_THROWS_AS(sockets.lender.receive(frame_of(region->name())), SerializationError);  // the other one came
}

}  // namespace
