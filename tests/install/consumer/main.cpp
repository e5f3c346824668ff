#include <unistd.h>
#include <shmsem/shmsem.hpp>

#include <iostream>
#include <string>

int main() {
    const std::string name = "install-test-" + std::to_string(getpid());
    auto segment = shmsem::segment::open_or_create(name);
    auto semaphore = segment.semaphore("gpu", {.permits = 2});
    {
        auto lease = semaphore.acquire();
        std::cout << "seat " << lease.seat() << '\n';
    }
    shmsem::segment::remove(name);
}
