// SPDX-License-Identifier: MIT
//
// intrusive_queue.hpp: first in, first out, with the links in the elements, so that nothing here needs memory. The one
// queue of this kind: of tasks that wait, that end, that were revoked, and of what a waiter watches.
//
//     using RemoteTaskQueue = IntrusiveQueue<RemoteTask, MemberLink<&RemoteTask::behind>>;
//     queue.push_back(task);            RemoteTask* next = queue.try_pop();
//
// An element is in one queue of each link at most. A queue owns nothing by itself; what goes along with an element, say the
// queues. Threads: not synchronised, the owner brings the lock. A queue that is given to be appended is empty afterwards.
// Other intrusive structures do another job: ListenerList and BlockedThreads take out any element at once, DeadlineHeap is
// sorted, TaskEntry's list is never locked, and BlockAllocator keeps free memory.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The link is this member of the element.
template <auto member>
struct MemberLink {
    template <class Element>
    static Element* next(const Element& element) noexcept {
        return element.*member;
    }
    template <class Element>
    static void set_next(Element& element, std::type_identity_t<Element>* next) noexcept {
        element.*member = next;
    }
};

/// `Link`: next(element) and set_next(element, next).
template <class Element, class Link>
class IntrusiveQueue {
  public:
    constexpr IntrusiveQueue() = default;
    IntrusiveQueue(IntrusiveQueue&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    /// To an empty one.
    IntrusiveQueue& operator=(IntrusiveQueue&& other) noexcept {
        CONCURRENT_FUTURES_ASSERT(empty());
        append(std::move(other));
        return *this;
    }

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }
    Element* first() const noexcept { return first_; }

    void push_back(Element& element) noexcept {
        Link::set_next(element, nullptr);
        link_last(&element);
        last_ = &element;
        ++size_;
    }
    void push_front(Element& element) noexcept {
        Link::set_next(element, first_);
        first_ = &element;
        if (!last_) last_ = &element;
        ++size_;
    }
    /// All of `others`, behind those that are here.
    void append(IntrusiveQueue&& others) noexcept {
        if (others.empty()) return;
        link_last(std::exchange(others.first_, nullptr));
        last_ = std::exchange(others.last_, nullptr);
        size_ += std::exchange(others.size_, 0);
    }
    Element* try_pop() noexcept {
        Element* const element = first_;
        if (!element) return nullptr;
        first_ = Link::next(*element);
        if (!first_) last_ = nullptr;
        --size_;
        return element;
    }
    /// There must be one.
    Element& pop_front() noexcept {
        CONCURRENT_FUTURES_ASSERT(!empty());
        return *try_pop();
    }
    /// Those for which `condition(element)` holds, to the end of the other queue. O(size).
    template <class Condition>
    void move_if(Condition condition, IntrusiveQueue& other) noexcept {
        IntrusiveQueue all(std::move(*this));
        while (Element* const element = all.try_pop()) (condition(*element) ? other : *this).push_back(*element);
    }
    template <class Visit>
    void for_each(Visit visit) const {
        for (Element* element = first_; element; element = Link::next(*element)) visit(*element);
    }

  private:
    void link_last(Element* element) noexcept {
        if (last_)
            Link::set_next(*last_, element);
        else
            first_ = element;
    }

    Element* first_ = nullptr;
    Element* last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
