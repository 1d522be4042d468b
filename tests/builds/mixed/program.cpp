// SPDX-License-Identifier: MIT
#include "library.hpp"

int main() {
    concurrent::futures::ThreadPoolExecutor pool(2);
    return ask(pool) + make_future().result() == 42 ? 0 : 1;
}
