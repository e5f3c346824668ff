#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fuzz/pictures.hpp"
#include "fuzz/warden.hpp"

namespace shmsem::fuzz {

/// By this name an image's file can be found when it has lost its own.
inline std::string kept_path(const std::string& name) { return "/dev/shm/kept-" + name; }

class helper;

/// Images, one after the other in this process. An image begins with a picture, is damaged, perhaps cut short, opened, used and
/// damaged in turns, and left. All of that is decided by its bytes.
class images {
   public:
    /// @param pictures  outlive it
    /// @param beside    a second thread uses the segment meanwhile, and a third damages it during calls; how those meet is chance
    images(const std::vector<picture>& pictures, bool beside);
    ~images();
    images(const images&) = delete;
    images& operator=(const images&) = delete;

    void run(std::span<const std::uint8_t> bytes);
    /// After the last one: nothing of any image is left in this process, and a fresh segment works as it should.
    void expect_unharmed();

   private:
    [[nodiscard]] bool nobody_left(std::chrono::milliseconds within) const;

    const std::vector<picture>& pictures_;
    std::string name_;
    std::size_t threads_ = 0;  // when no segment is open
    warden warden_;
    std::unique_ptr<helper> second_user_;
    std::unique_ptr<helper> vandal_;
};

}  // namespace shmsem::fuzz
