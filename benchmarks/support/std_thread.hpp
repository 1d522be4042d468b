// SPDX-License-Identifier: MIT
//
// std_thread.hpp: a call on a std::thread of its own, with the interface of a future.
#pragma once

#include <memory>
#include <thread>

namespace benchmarks {

class ThreadCall {
  public:
    template <class Call>
    explicit ThreadCall(Call call) : result_(std::make_unique<int>()) {
        thread_ = std::thread([call, result = result_.get()] { *result = call(); });
    }
    int get() && {
        thread_.join();
        return *result_;
    }

  private:
    std::unique_ptr<int> result_;
    std::thread thread_;
};

}  // namespace benchmarks
