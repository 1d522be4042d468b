// SPDX-License-Identifier: MIT
//
// Returns 0 if a type with cereal's functions crosses to a process.
#include <concurrent/futures/serialization/cereal.hpp>

#include <concurrent/futures/process_main.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
namespace cf = concurrent::futures;

class Account {
  public:
    Account() = default;
    explicit Account(int balance) : balance_(balance) {}
    int balance() const { return balance_; }

  private:
    friend class cereal::access;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(balance_);
    }
    int balance_ = 0;
};

Account doubled(const Account& account) { return Account(2 * account.balance()); }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor pool(1);
    return pool.submit(doubled, Account(72)).result().balance() == 144 ? 0 : 1;
}
