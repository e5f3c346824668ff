#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace shmsem::os {

/// A page that the kernel fills with zeros in a forked child (MADV_WIPEONFORK), however the fork was made. What one
/// process alone may know lies here, so a child finds zero, "not joined yet", by the very load that it makes anyway.
void* make_fork_page(std::size_t bytes) noexcept;
void free_fork_page(void* page, std::size_t bytes) noexcept;

/// A T, all of whose bits are zero at first and in each forked child.
template <class T>
class wiped_on_fork {
    static_assert(std::is_trivially_destructible_v<T>);

   public:
    wiped_on_fork() : value_(static_cast<T*>(make_fork_page(sizeof(T)))) {
        if (value_ == nullptr) throw std::bad_alloc();
    }
    ~wiped_on_fork() { free_fork_page(value_, sizeof(T)); }
    wiped_on_fork(const wiped_on_fork&) = delete;
    wiped_on_fork& operator=(const wiped_on_fork&) = delete;

    T* operator->() const noexcept { return value_; }
    T& operator*() const noexcept { return *value_; }

   private:
    T* value_;
};

}  // namespace shmsem::os
