// expect-error: write pool.submit<&Class::member>\(object, args...\)
// SPDX-License-Identifier: MIT
//
// A pointer to a member function as a value.
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

struct Model {
    int weight = 0;
    int fit(int n) const { return weight * n; }
};

void submit(cf::ProcessPoolExecutor& pool, const Model& model) {
    pool.submit(&Model::fit, model, 1);
}
