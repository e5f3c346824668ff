#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "shmsem/export.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/options.hpp"
#include "shmsem/ownerless.hpp"
#include "shmsem/semaphore.hpp"

namespace shmsem {

namespace core {
class attachment;
struct handle_access;
}  // namespace core

enum class access : std::uint8_t { read_write = 0, read_only = 1 };

/// What list() says of one file; a segment that cannot be opened is listed with its error.
struct segment_entry {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint32_t uid = 0;
    std::uint32_t attached = 0;  ///< processes not known to be dead
    std::error_code error;
};

/// One application's namespace: a named file in /dev/shm that holds semaphores, and everything about them. Copyable handle.
class SHMSEM_API segment {
   public:
    segment() noexcept = default;

    /// @param name    1..47 bytes, no '/', no control characters; the file is /dev/shm/shmsem.<name>
    /// @param sizes   how many of each it has room for; the memory is reserved at once
    /// @param mode    who may attach
    /// @throws shmsem::error errc::segment_exists, errc::segment_no_space, errc::invalid_name, errc::invalid_argument
    /// @crash  a creator that dies leaves nothing behind: the name appears when the segment is ready
    static segment create(const std::string& name, const limits& sizes = {}, sharing mode = sharing::owner);
    static segment create(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec) noexcept;

    /// @throws shmsem::error one of the errc::segment_* codes, errc::foreign_clock
    static segment open(const std::string& name, access how = access::read_write);
    static segment open(const std::string& name, access how, std::error_code& ec) noexcept;

    /// Opens it, or creates it; replaces one that its creator left half-made. An existing one must have the same limits
    /// (errc::segment_limits) unless they are left at their defaults.
    static segment open_or_create(const std::string& name, const limits& sizes = {}, sharing mode = sharing::owner);
    static segment open_or_create(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec) noexcept;

    /// Unlinks the name; processes that are attached go on with what they have.
    /// @return false when there was none
    static bool remove(const std::string& name);
    static bool remove(const std::string& name, std::error_code& ec) noexcept;
    /// Only if no process is attached: errc::segment_in_use otherwise.
    static bool remove_if_unused(const std::string& name);
    static bool remove_if_unused(const std::string& name, std::error_code& ec) noexcept;

    static std::vector<segment_entry> list();

    /// The semaphore of that name, created if it is not there.
    /// @throws shmsem::error errc::semaphore_mismatch (naming both values), errc::semaphore_kind, errc::invalid_argument,
    ///         errc::invalid_name, errc::too_many_semaphores, errc::too_many_permits, errc::read_only
    [[nodiscard]] shmsem::semaphore semaphore(const std::string& name, const semaphore_options& options = {});
    [[nodiscard]] shmsem::semaphore semaphore(const std::string& name, const semaphore_options& options,
                                              std::error_code& ec) noexcept;
    /// The existing semaphore of that name. @throws shmsem::error errc::semaphore_not_found, errc::semaphore_kind
    [[nodiscard]] shmsem::semaphore find(const std::string& name);
    [[nodiscard]] shmsem::semaphore find(const std::string& name, std::error_code& ec) noexcept;

    [[nodiscard]] ownerless_semaphore ownerless(const std::string& name, const ownerless_options& options = {});
    [[nodiscard]] ownerless_semaphore ownerless(const std::string& name, const ownerless_options& options,
                                                std::error_code& ec) noexcept;

    /// Takes back every permit whose lease expired or whose holder died, in all semaphores. @return how many
    std::uint32_t reap();
    std::uint32_t reap(std::error_code& ec) noexcept;

    [[nodiscard]] segment_snapshot inspect() const;
    /// Checks every structure against every other, under the locks where the mapping can be written.
    [[nodiscard]] invariants_report check_invariants() const;

    [[nodiscard]] std::string name() const;
    [[nodiscard]] shmsem::limits limits() const;

    explicit operator bool() const noexcept { return home_ != nullptr; }

   private:
    friend struct core::handle_access;
    std::shared_ptr<core::attachment> home_;
};

}  // namespace shmsem
