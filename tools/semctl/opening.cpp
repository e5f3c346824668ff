#include "semctl/opening.hpp"

#include "shmsem/errors.hpp"

namespace shmsem::semctl {

segment open_to_change(const std::string& name) {
    return at({name, {}}, [&] { return segment::open(name); });
}

semaphore_snapshot look_at(const segment& home, const place& where) {
    for (auto& semaphore : home.inspect().semaphores) {
        if (semaphore.name == where.semaphore) return std::move(semaphore);
    }
    throw failed(explain(where, name_of(errc::semaphore_not_found), {}));
}

}  // namespace shmsem::semctl
