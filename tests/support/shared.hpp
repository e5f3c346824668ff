#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace shmsem::test {

/// A T that this process shares with the children that it forks from now on. Only the process that made it destroys it.
template <class T>
class shared {
   public:
    template <class... Args>
    explicit shared(Args&&... args) : maker_(::getpid()) {
        void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc{};
        value_ = ::new (memory) T(std::forward<Args>(args)...);
    }
    ~shared() {
        if (::getpid() != maker_) return;
        std::destroy_at(value_);
        ::munmap(static_cast<void*>(value_), sizeof(T));
    }
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;

    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_; }

   private:
    T* value_ = nullptr;
    pid_t maker_ = 0;
};

}  // namespace shmsem::test
