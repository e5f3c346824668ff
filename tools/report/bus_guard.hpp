#pragma once

namespace shmsem::report {

/// While one exists, reading a mapped file beyond its end, because somebody has truncated it meanwhile, gives zeros instead of
/// SIGBUS. One at a time, in one thread.
class bus_guard {
   public:
    bus_guard();
    ~bus_guard();
    bus_guard(const bus_guard&) = delete;
    bus_guard& operator=(const bus_guard&) = delete;

    /// True when that has happened: what was read since is not to be believed.
    [[nodiscard]] bool tripped() const noexcept;
};

}  // namespace shmsem::report
