// SPDX-License-Identifier: MIT
//
// deep_callbacks.hpp: makes a thread put callbacks off, as it does when promises are fulfilled in callbacks of each other.
//
//     support::in_deep_callbacks<cf::Promise<void>>([&] {
//         promise.set_value();     // the callbacks of its future do not run yet
//         pool.wait_idle();        // but first of all in this
//     });
#pragma once

namespace support {

/// `VoidPromise`: the library's. `depth`: what Trampoline calls deep.
template <class VoidPromise, class Act>
void in_deep_callbacks(const Act& act, int depth = 32) {
    if (depth == 0) return act();
    VoidPromise promise;
    promise.get_future().add_done_callback([&](const auto&) { in_deep_callbacks<VoidPromise>(act, depth - 1); });
    promise.set_value();
}

}  // namespace support
