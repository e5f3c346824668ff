#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>

#include "layout/view.hpp"
#include "os/mapping_guard.hpp"
#include "os/shm_file.hpp"
#include "shmsem/errors.hpp"
#include "shmsem/options.hpp"

// How a segment comes to be and is found. A creator fills a file that has no name yet and then links it under its name, so
// whoever can open it finds it whole; of two creators one gets EEXIST and opens the other's.

namespace shmsem::layout {

struct mapping {
    boost::interprocess::mapped_region region;
    os::mapping_guard guard;  // of the region: let go before it
    layout::view view;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool writable = false;
    // From the header as it was checked.
    std::string name;
    std::uint64_t id = 0;
    std::int64_t epoch_ns = 0;
};

/// /dev/shm/<this><name>
inline constexpr const char* file_prefix = "shmsem.";
inline std::string file_of(const std::string& name) { return file_prefix + name; }

/// 1..47 bytes, none of them '/' or a control character, and not "." or "..".
bool valid_name(std::string_view name) noexcept;

/// What an existing segment has that may differ from what is wanted; for the words of an error.
struct found_segment {
    limits sizes;
    std::uint32_t version = layout_version;
};

/// A segment that is whole, and that nobody else can find yet.
class new_segment {
   public:
    layout::mapping mapping;  // to be taken
    /// COMMIT: from now on others can open it. What may fail for want of memory has to come before, or a failed creation leaves a
    /// segment behind.
    std::error_code link();

   private:
    friend new_segment make_segment(const std::string&, const limits&, sharing, std::error_code&);
    os::shm_file file_;
    std::string name_;
};

new_segment make_segment(const std::string& name, const limits& sizes, sharing mode, std::error_code& ec);
/// @param found  filled also with errc::segment_version
mapping open_segment(const std::string& name, bool writable, std::error_code& ec, found_segment& found);
/// One that exists and is what a creator with these wishes would have made, or errc::segment_not_found; what is half made is
/// removed.
/// @param any_limits  accept it whatever its limits are
/// @param found       filled also with errc::segment_limits and errc::segment_version
mapping open_wanted_segment(const std::string& name, const limits& sizes, bool any_limits, sharing mode, std::error_code& ec,
                            found_segment& found);
/// Shows each process entry of a segment, read without mapping it.
void each_process_entry(const std::string& name, const std::function<void(const process_entry&)>& visit,
                        std::error_code& ec);
/// A segment without a name, for this process and the children that it forks.
mapping create_anonymous_segment(const limits& sizes, std::error_code& ec);

}  // namespace shmsem::layout
