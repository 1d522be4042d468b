// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/rank_origin.hpp>
#include <concurrent/futures/detail/wire/completions.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Encoder;

/// What the nested exceptions say, the outermost first.
std::vector<std::string> texts_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& caught) {
        std::vector<std::string> texts{caught.what()};
        try {
            std::rethrow_if_nested(caught);
        } catch (...) {
            for (std::string& text : texts_of(std::current_exception())) texts.push_back(std::move(text));
        }
        return texts;
    }
}
std::vector<std::string> with_rank_3(const std::exception_ptr& error) {
    RankCard card;
    card.pid = 4711;
    std::memcpy(card.host.data(), "node7", 5);
    Encoder encoder;
    encode_exception(encoder, error);
    return texts_of(decode_failure(with_origin(encoder.bytes(), encode_origin(card, 3)), 4711));
}
const std::string where = "thrown on rank 3, host node7, process 4711";

TEST_CASE("an exception of a rank has the rank, host and process nested in it", "[rank_origin]") {
    const auto texts = with_rank_3(std::make_exception_ptr(std::out_of_range("no 7")));
    CHECK(texts == std::vector<std::string>{"no 7", where});
}

TEST_CASE("where it was thrown stands below all nested exceptions", "[rank_origin]") {
    std::exception_ptr error;
    try {
        try {
            throw std::invalid_argument("the reason");
        } catch (...) {
            std::throw_with_nested(std::runtime_error("the consequence"));
        }
    } catch (...) {
        error = std::current_exception();
    }
    CHECK(with_rank_3(error) == std::vector<std::string>{"the consequence", "the reason", where});
}

TEST_CASE("bytes that are no exception become an error, and nothing is added to them", "[rank_origin]") {
    const ByteBuffer nothing;
    CHECK(with_origin(nothing, nothing).empty());
    CHECK(texts_of(decode_failure(nothing, 1)).size() == 1);
}

}  // namespace
