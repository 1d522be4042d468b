// SPDX-License-Identifier: MIT
//
// deadline_heap.hpp: the deadlines of a timer, the earliest first; of equal ones the one that was pushed first.
//
//     struct Alarm : DeadlineHeap::Node { … };
//     heap.push(alarm); … heap.remove(alarm);
//     if (const DeadlineHeap::Node* next = heap.first()) sleep_until(next->deadline);
//
// A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): push() takes constant time, remove() logarithmic time on
// average over all calls. It needs no memory of its own, so nothing throws. Not synchronised: the owner brings the lock.
#pragma once

#include <cstdint>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class DeadlineHeap {
  public:
    /// What is in the heap. Stays where it is while it is there.
    class Node {
      public:
        explicit Node(std::chrono::steady_clock::time_point when) noexcept : deadline(when) {}
        Node(const Node&) = delete;
        Node& operator=(const Node&) = delete;

        const std::chrono::steady_clock::time_point deadline;

      protected:
        ~Node() = default;

      private:
        friend DeadlineHeap;
        bool is_before(const Node& other) const noexcept {
            return deadline != other.deadline ? deadline < other.deadline : number_ < other.number_;
        }
        std::uint64_t number_ = 0;  // counts what is pushed
        Node* child_ = nullptr;     // the first of those below this one
        Node* next_ = nullptr;      // below the same parent
        Node* before_ = nullptr;    // below the same parent, or the parent; of the first of all: null
    };

    /// Null: the heap is empty.
    Node* first() const noexcept { return first_; }
    void push(Node& node) noexcept {
        node.number_ = ++pushed_;
        first_ = merged(first_, &node);
    }
    /// The node is in this heap.
    void remove(Node& node) noexcept {
        Node* const below = merged_children(node);
        if (&node == first_) {
            first_ = below;
            return;
        }
        (node.before_->child_ == &node ? node.before_->child_ : node.before_->next_) = node.next_;
        if (node.next_) node.next_->before_ = node.before_;
        node.next_ = node.before_ = nullptr;
        first_ = merged(first_, below);
    }

  private:
    /// Either may be null; neither has a parent.
    static Node* merged(Node* one, Node* other) noexcept {
        if (!one || !other) return one ? one : other;
        if (other->is_before(*one)) std::swap(one, other);
        other->next_ = one->child_;
        other->before_ = one;
        if (other->next_) other->next_->before_ = other;
        one->child_ = other;
        return one;
    }
    /// Merges the children two by two from the first on, and the pairs from the last on. The node has none then.
    static Node* merged_children(Node& node) noexcept {
        Node* pairs = nullptr;  // linked by next_, the last one first
        for (Node* child = std::exchange(node.child_, nullptr); child;) {
            Node* const one = child;
            Node* const other = one->next_;
            child = other ? other->next_ : nullptr;
            one->next_ = one->before_ = nullptr;
            if (other) other->next_ = other->before_ = nullptr;
            Node* const pair = merged(one, other);
            pair->next_ = pairs;
            pairs = pair;
        }
        Node* all = nullptr;
        while (pairs) {
            Node* const pair = pairs;
            pairs = std::exchange(pair->next_, nullptr);
            all = merged(all, pair);
        }
        return all;
    }

    Node* first_ = nullptr;
    std::uint64_t pushed_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
