// expect-error: this type cannot cross to another process
// SPDX-License-Identifier: MIT
//
// A broadcast to processes is encoded: it can be of what can cross alone.
#include <concurrent/futures/broadcast.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

namespace cf = concurrent::futures;

class Secret {
  public:
    explicit Secret(int number) : number_(number) {}
    int number() const { return number_; }

  private:
    int number_;
};
int tell(const Secret& secret) { return secret.number(); }

void submit(cf::ProcessPoolExecutor& pool) { pool.submit(tell, cf::broadcast(Secret(5))); }
