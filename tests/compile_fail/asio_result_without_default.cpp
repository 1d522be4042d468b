// expect-error: T must be default-constructible
// SPDX-License-Identifier: MIT
#include <concurrent/futures/asio.hpp>

namespace cf = concurrent::futures;

struct Page {
    explicit Page(int number) : number(number) {}
    int number;
};

void wait_for(cf::Future<Page> page) {
    cf::async_result_of(page, [](std::exception_ptr, Page) {});
}
