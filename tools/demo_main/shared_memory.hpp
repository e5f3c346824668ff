#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <type_traits>

namespace demo {

/// Zeroed Ts that this process shares with the workers that it forks. Pages cost memory only once they are touched.
template <class T>
class shared_array {
    static_assert(std::is_trivially_destructible_v<T>);

   public:
    explicit shared_array(std::size_t size) : size_(size), bytes_(size * sizeof(T)) {
        void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of shared memory");
        values_ = static_cast<T*>(memory);
    }
    ~shared_array() { ::munmap(static_cast<void*>(values_), bytes_); }
    shared_array(const shared_array&) = delete;
    shared_array& operator=(const shared_array&) = delete;

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] T& operator[](std::size_t i) const { return values_[i]; }
    [[nodiscard]] T* begin() const { return values_; }
    [[nodiscard]] T* end() const { return values_ + size_; }

   private:
    std::size_t size_;
    std::size_t bytes_;
    T* values_ = nullptr;
};

/// One T of that kind.
template <class T>
class shared_value {
   public:
    shared_value() : one_(1) {}
    T* operator->() const { return one_.begin(); }
    T& operator*() const { return one_[0]; }

   private:
    shared_array<T> one_;
};

}  // namespace demo
