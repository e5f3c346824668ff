#include <unistd.h>

#include <chrono>
#include <mutex>

#include "shmsem/shmsem.hpp"

// The examples of README.md, in its order and word for word, so that they compile: readme_examples_test.cpp compares. What they
// leave out stands here.

namespace readme {

using namespace std::chrono_literals;

void append_entry();
bool train(int index, unsigned seat);
void use_seat(unsigned seat);
void note_the_loss();
bool next_step();

void mutex_example(shmsem::segment& segment) {
    // README
    shmsem::mutex ledger(segment, "ledger", {.ttl = 5s});
    if (std::unique_lock lock(ledger, 200ms); lock) append_entry();
    // end
}

void counting_semaphore_example(shmsem::segment& segment) {
    // README
    shmsem::counting_semaphore<> done(0);
    if (fork() == 0) {
        done.release();
        _exit(0);
    }
    done.acquire();
    shmsem::counting_semaphore<> items(segment, "items", 0);
    // end
}

int worker_pool_example(shmsem::semaphore& gpus) {
    // README
    shmsem::worker_pool pool({.workers = 8}, [&](int index, const shmsem::worker_pool::context& context) {
        while (!context.stopping()) {
            shmsem::lease gpu = gpus.acquire({.label = "epoch"});
            if (!train(index, gpu.seat())) break;
        }
        return 0;
    });
    int status = pool.run();  // SIGTERM drains, SIGINT stops; 0 when every worker ended with 0
    // end
    return status;
}

void detach_example(shmsem::semaphore& gpus) {
    // README
    shmsem::lease gpu = gpus.acquire();
    shmsem::detached_lease parcel = gpu.detach();
    if (fork() == 0) {
        shmsem::lease mine = gpus.adopt(parcel);  // one adopter succeeds
        use_seat(mine.seat());
        mine.release();
        _exit(0);
    }
    // end
}

void on_lost_example(shmsem::semaphore& gpus) {
    // README
    shmsem::lease gpu = gpus.acquire({.ttl = 2s});
    gpu.on_lost([] { note_the_loss(); });  // once, on the background thread
    for (std::stop_token lost = gpu.lost_token(); !lost.stop_requested();) {
        if (!next_step()) break;
    }
    // end
}

void append_entry() {}
bool train(int, unsigned) { return false; }
void use_seat(unsigned) {}
void note_the_loss() {}
bool next_step() { return false; }

}  // namespace readme
