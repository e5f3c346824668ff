#pragma once

#include <cstdint>
#include <string>

#include "layout/records.hpp"
#include "layout/view.hpp"
#include "shmsem/options.hpp"

namespace shmsem::test {

/// The file of a segment, opened behind the library's back, to break it on purpose.
class raw_segment {
   public:
    explicit raw_segment(const std::string& name);
    ~raw_segment();
    raw_segment(const raw_segment&) = delete;
    raw_segment& operator=(const raw_segment&) = delete;

    [[nodiscard]] const layout::view& view() const noexcept { return view_; }
    [[nodiscard]] layout::header& header() const noexcept { return view_.header(); }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    void truncate(std::uint64_t bytes);

   private:
    int fd_ = -1;
    std::uint64_t bytes_ = 0;
    void* base_ = nullptr;
    layout::view view_;
};

/// A whole, good segment of that name, made by a process that has gone: nobody is attached to it.
void make_abandoned_segment(const std::string& name, const limits& sizes);
/// A file of that name with these bytes.
void make_file(const std::string& name, const std::string& content, unsigned mode = 0600);

}  // namespace shmsem::test
