#include "semrun/permit_taker.hpp"

#include "semrun/place.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semrun {

void permit_taker::ask(const std::string& label) {
    label_ = label;
    busy_ = true;
    if (auto had = from_.try_acquire(request(asked_, label_))) {
        held_ = std::move(*had);
    } else if (asked_.timeout != duration::zero()) {
        thread_ = std::jthread([this](const std::stop_token& stop) { wait(stop); });
        return;
    }
    // release: pairs with the acquire in take(); what is in held_ and error_ is seen there. Here both are one thread.
    ready_.store(true, std::memory_order_release);
    answered_.ring();
}

void permit_taker::wait(const std::stop_token& stop) {
    try {
        acquire_options wanted = request(asked_, label_);
        wanted.stop = stop;
        if (asked_.timeout && *asked_.timeout != forever) {
            if (auto had = from_.try_acquire_for(*asked_.timeout, wanted)) held_ = std::move(*had);
        } else {
            held_ = from_.acquire(wanted);
        }
    } catch (...) {
        error_ = std::current_exception();
    }
    ready_.store(true, std::memory_order_release);  // as in ask()
    answered_.ring();
}

std::optional<permit_taker::answer> permit_taker::take() {
    // acquire: pairs with the releases in ask() and wait()
    if (!busy_ || !ready_.load(std::memory_order_acquire)) return std::nullopt;
    if (thread_.joinable()) thread_.join();
    busy_ = false;
    ready_.store(false, std::memory_order_relaxed);  // no other thread until the next ask()
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return answer{std::move(held_)};
}

void permit_taker::cancel() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
    busy_ = false;
    ready_.store(false, std::memory_order_relaxed);
    error_ = nullptr;
    held_ = lease{};
}

}  // namespace shmsem::semrun
