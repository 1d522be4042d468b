// SPDX-License-Identifier: MIT
//
// check.hpp: a line of an example that must hold.
//
//     check(pool.submit(square, 12).result() == 144);
//
// If it does not, the program says where and ends with an error.
#pragma once

#include <cstdlib>
#include <iostream>
#include <source_location>

inline void check(bool holds, std::source_location here = std::source_location::current()) {
    if (holds) return;
    std::cerr << here.file_name() << ':' << here.line() << ": this does not hold\n";
    std::exit(1);
}

/// `call` must throw an Error.
template <class Error, class Call>
void check_throws(Call call, std::source_location here = std::source_location::current()) {
    try {
        static_cast<void>(call());
    } catch (const Error&) {
        return;
    }
    check(false, here);
}
